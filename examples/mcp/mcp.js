// /// spell
// description = "Ask an agent that has the tools of an MCP server"
// [needs]
// mcp = ["time"]
// ///
// The server stands in llmspell.toml: a spell can only name it.
const time = await mcp.connect("time");
console.log("connected to", (await time.info()).server);

// Its tools are the run's: the spell may call them by name.
const noon = await tools.time_convert_time("UTC", "12:00", "Asia/Tokyo");
console.log("Tokyo is ahead by", noon.data.time_difference);

// An agent is given all of them, or some: `tools: [await time.tool("convert_time")]`.
const clerk = await llm.agent({
    model: "gpt-4o-mini",
    system: "You know no time by heart. Look it up.",
    tools: await time.tools(),
});
const answer = await clerk.run(params.question || "When it is 9:30 in Paris, how late is it in Tokyo?");
for (const call of answer.tool_calls) {
    console.log(call.name, call.arguments.target_timezone, call.error ?? "answered");
}
console.log(answer);
