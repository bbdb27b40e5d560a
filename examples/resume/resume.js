// Three steps whose results are kept: after a failure or a crash, `--param id=…` goes on with the run,
// and what had finished is not asked for again.
const flow = workflow.sequential({name: "letter", checkpoint: true});
const clerk = await llm.agent({model: "gpt-4o-mini"});
const writer = await llm.agent({model: "gpt-4o"});

flow.addStep({name: "facts", agent: clerk, prompt: "Three facts about {{topic}}"});
flow.addStep({name: "letter", agent: writer, prompt: "A letter with these facts: {{facts.output}}"});
flow.addStep({name: "subject", agent: clerk, prompt: "A subject for this letter: {{letter.output}}"});

const go = () => params.id
    ? flow.resume(params.id)
    : flow.run({topic: params.topic ?? "owls"});

let result;
try {
    result = await go();
} catch (error) {
    console.log("Failed: " + error.details.step);
    // Here the same spell goes on at once; another process could, with the id.
    result = await flow.resume(error.details.id);
}

for (const name of ["facts", "letter", "subject"]) {
    console.log(`${name}: ${result.steps[name].output}`);
}
