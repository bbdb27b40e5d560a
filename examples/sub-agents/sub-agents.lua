-- Agents as tools of an agent: an editor who asks a historian and a translator.
local historian = llm.agent{
    name = "historian",
    description = "Knows when things happened",
    model = "gpt-4o-mini",
    system = "You are a historian. Answer in one sentence.",
}
local translator = llm.agent{
    name = "translator",
    description = "Translates English to French",
    model = "gpt-4o-mini",
    system = "Translate what you are given to French.",
}
local editor = llm.agent{
    model = "gpt-4o",
    system = "You are an editor. Ask your experts, then answer.",
    tools = {historian:as_tool(), translator:as_tool()},
}

local answer = editor:run("When was the Eiffel Tower opened? In French, please.")
for _, call in ipairs(answer.tool_calls) do
    console.log(call.name .. ": " .. call.result)
end
console.log(answer)
console.log("steps: " .. answer.steps .. ", tokens of all three: " .. tostring(answer.usage.total_tokens > 0))
