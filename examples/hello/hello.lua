-- /// spell
-- description = "Ask a language model to greet somebody, and show its answer as it arrives"
-- [params.name]
-- type = "string"
-- description = "Whom to greet"
-- default = "world"
-- ///
console.info("Asking a model to greet " .. params.name .. " …")

local prompt = "Greet " .. params.name .. " in one short sentence."
local answer = ""
for chunk in llm.stream({prompt = prompt, max_tokens = 60, temperature = 0}) do
    console.write(chunk.content)
    answer = answer .. chunk.content
end
console.log("")

if answer == "" then
    error("the model said nothing")
end
