// A writer and a critic, in turns, until the critic is content or three rounds are over.
const flow = workflow.loop({
    name: "slogan",
    stop_when: {step: "critic", contains: "GOOD"},
    max_iterations: 3,
    output: "{{writer.output}}",
});
flow.addStep({
    name: "writer",
    agent: await llm.agent({model: "gpt-4o", system: "You write slogans."}),
    prompt: "A slogan for {{product}}. {{critic.output | default('')}}",
});
flow.addStep({
    name: "critic",
    agent: await llm.agent({model: "gpt-4o-mini", system: "Say GOOD, or what is wrong with the slogan."}),
    prompt: "{{writer.output}}",
});

for await (const event of flow.runWithProgress({product: params.product ?? "umbrellas"})) {
    if (event.type === "step_finished") {
        console.log(`${event.name}: ${event.output}`);
    } else if (event.type === "end") {
        console.log(`${event.status} after ${event.iterations} rounds: ${event.output}`);
    }
}
