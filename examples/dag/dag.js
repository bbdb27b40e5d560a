// A graph: two facts are looked up at once, and each step begins when what it needs has ended.
const flow = workflow.dag({name: "trip"});
const forecaster = await llm.agent({model: "gpt-4o-mini", system: "One short sentence."});
const guide = await llm.agent({model: "gpt-4", system: "One short sentence."});

flow.addStep({name: "weather", agent: forecaster, prompt: "The weather in {{city}} in {{month}}?"});
flow.addStep({name: "sights", agent: guide, prompt: "The best sights of {{city}}?"});
flow.addStep({
    name: "plan",
    needs: ["weather", "sights"],
    agent: await llm.agent({model: "gpt-4o", system: "You plan trips."}),
    prompt: "Plan a day. {{weather.output}} {{sights.output}}",
});
flow.addStep({
    name: "packing",
    needs: ["weather"],
    run: (inputs, steps) => (steps.weather.output.includes("rain") ? "an umbrella" : "a hat"),
});

const found = await flow.validate({city: "Porto", month: "May"});
if (!found.valid) throw new Error(found.errors.join("\n"));

const result = await flow.run({city: "Porto", month: "May"});
console.log(result.steps.plan.output);
console.log(`Pack ${result.steps.packing.output}.`);
