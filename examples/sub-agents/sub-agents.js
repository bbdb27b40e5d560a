// Agents as tools of an agent: an editor who asks a historian and a translator.
const historian = await llm.agent({
    name: "historian",
    description: "Knows when things happened",
    model: "gpt-4o-mini",
    system: "You are a historian. Answer in one sentence.",
});
const translator = await llm.agent({
    name: "translator",
    description: "Translates English to French",
    model: "gpt-4o-mini",
    system: "Translate what you are given to French.",
});
const editor = await llm.agent({
    model: "gpt-4o",
    system: "You are an editor. Ask your experts, then answer.",
    tools: [await historian.as_tool(), await translator.as_tool()],
});

const answer = await editor.run("When was the Eiffel Tower opened? In French, please.");
for (const call of answer.tool_calls) {
    console.log(call.name + ": " + call.result);
}
console.log(answer);
console.log(`steps: ${answer.steps}, tokens of all three: ${answer.usage.total_tokens > 0}`);
