-- A chat that can be gone on with tomorrow: `llmspell run chat.lua --stdin`,
-- with --allow-read=chat.json --allow-write=chat.json to have it remembered.
local FILE = "chat.json"
local context = {}
pcall(function() context = json.decode(fs.read(FILE)) end)

local agent = llm.agent{model = "gpt-4o-mini", system = "You are good company. Be brief."}
for line in console.lines() do
    console.write("> " .. line .. "\n")
    for chunk in agent:stream(line, {context = context}) do
        if chunk.type == "text" then
            console.write(chunk)
        elseif chunk.type == "end" then
            context = chunk.context
        end
    end
    console.write("\n")
end

console.log(#context.messages .. " messages")
pcall(fs.write, FILE, json.encode(context))
