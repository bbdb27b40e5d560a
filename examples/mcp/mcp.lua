-- /// spell
-- description = "Ask an agent that has the tools of an MCP server"
-- [needs]
-- mcp = ["time"]
-- ///
-- The server stands in llmspell.toml: a spell can only name it.
local time = mcp.connect("time")
console.log("connected to", time:info().server)

-- Its tools are the run's: the spell may call them by name.
local noon = tools.time_convert_time("UTC", "12:00", "Asia/Tokyo")
console.log("Tokyo is ahead by", noon.data.time_difference)

-- An agent is given all of them, or some: `tools = {time:tool("convert_time")}`.
local clerk = llm.agent{
    model = "gpt-4o-mini",
    system = "You know no time by heart. Look it up.",
    tools = time:tools(),
}
local answer = clerk:run(params.question or "When it is 9:30 in Paris, how late is it in Tokyo?")
for _, call in ipairs(answer.tool_calls) do
    console.log(call.name, call.arguments.target_timezone, call.error or "answered")
end
console.log(answer)
