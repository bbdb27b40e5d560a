-- Three steps whose results are kept: after a failure or a crash, `--param id=…` goes on with the run,
-- and what had finished is not asked for again.
local flow = workflow.sequential{name = "letter", checkpoint = true}
local clerk = llm.agent{model = "gpt-4o-mini"}
local writer = llm.agent{model = "gpt-4o"}

flow:add_step{name = "facts", agent = clerk, prompt = "Three facts about {{topic}}"}
flow:add_step{name = "letter", agent = writer, prompt = "A letter with these facts: {{facts.output}}"}
flow:add_step{name = "subject", agent = clerk, prompt = "A subject for this letter: {{letter.output}}"}

local function go()
    if params.id then return flow:resume(params.id) end
    return flow:run{topic = params.topic or "owls"}
end

local done, result = pcall(go)
if not done then
    console.log("Failed: " .. result.details.step)
    -- Here the same spell goes on at once; another process could, with the id.
    result = flow:resume(result.details.id)
end

for _, name in ipairs{"facts", "letter", "subject"} do
    console.log(name .. ": " .. result.steps[name].output)
end
