// Three agents look at one topic at the same time; one that fails does not lose the others' work.
const flow = workflow.parallel({name: "angles"});

const angles = ["history", "physics", "industry"];
const models = {history: "gpt-4", physics: "gpt-4o-mini", industry: "gpt-4o"};
for (const angle of angles) {
    flow.addStep({
        name: angle,
        agent: await llm.agent({model: models[angle], system: `You know the ${angle} of things.`}),
        prompt: "What matters about {{topic}}? One sentence.",
        on_error: "continue",
    });
}

const result = await flow.run({topic: params.topic ?? "superconductors"});

for (const angle of angles) {
    const step = result.steps[angle];
    console.log(`${angle}: ${step.output ?? `failed (${step.error.kind})`}`);
}
