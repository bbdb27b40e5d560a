-- A function of the spell as a tool: the model asks for it, the spell answers.
local stock = {apples = 12, pears = 0}

local lookup = tools.define{
    name = "stock",
    description = "How many of a fruit there are in the shop",
    parameters = {
        type = "object",
        properties = {fruit = {type = "string", description = "In plural, such as `apples`"}},
        required = {"fruit"},
    },
    handler = function(args)
        local count = stock[args.fruit]
        if not count then error("we do not sell " .. args.fruit, 0) end
        return {fruit = args.fruit, count = count}
    end,
}

-- The spell may call it too, by its name.
console.log("apples:", tools.stock("apples").count)

local clerk = llm.agent{
    model = "gpt-4o-mini",
    system = "You work in a fruit shop. Look things up before you promise them.",
    tools = {lookup},
}
local answer = clerk:run(params.question or "Do you have apples and plums?")
for _, call in ipairs(answer.tool_calls) do
    console.log(call.name, call.arguments.fruit, call.error or "found")
end
console.log(answer)
