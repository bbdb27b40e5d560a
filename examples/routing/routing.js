// A question goes to the agent that can answer it; what kind it is, a small model says.
const kind = await llm.agent({
    model: "gpt-4o-mini",
    system: "Say `billing`, `technical` or `other`, and nothing else.",
});

const desk = workflow.conditional({name: "desk"});
desk.addStep({
    name: "billing",
    when: {input: "kind", contains: "billing"},
    agent: await llm.agent({model: "gpt-4o", system: "You answer questions about invoices."}),
    prompt: "{{question}}",
});
desk.addStep({
    name: "technical",
    when: {input: "kind", contains: "technical"},
    agent: await llm.agent({model: "gpt-4o", system: "You help with broken machines."}),
    prompt: "{{question}}",
});
desk.addStep({
    name: "other",
    otherwise: true,
    run: (inputs) => "Nobody here can answer: " + inputs.question,
});

const flow = workflow.sequential({name: "help"});
flow.addStep({name: "kind", agent: kind, prompt: "{{question}}"});
flow.addStep({
    name: "answer",
    workflow: desk,
    inputs: {question: "{{question}}", kind: "{{kind.output | lower}}"},
});

const result = await flow.run({question: params.question ?? "Why was I charged twice?"});
console.log(result.output);
for (const [name, step] of Object.entries(result.steps.answer.steps)) {
    if (step.status === "completed") console.log("by: " + name);
}
