-- Three agents look at one topic at the same time; one that fails does not lose the others' work.
local flow = workflow.parallel{name = "angles"}
local angles = {"history", "physics", "industry"}
local models = {history = "gpt-4", physics = "gpt-4o-mini", industry = "gpt-4o"}

for _, angle in ipairs(angles) do
    flow:add_step{
        name = angle,
        agent = llm.agent{model = models[angle], system = "You know the " .. angle .. " of things."},
        prompt = "What matters about {{topic}}? One sentence.",
        on_error = "continue",
    }
end

local result = flow:run{topic = params.topic or "superconductors"}

for _, angle in ipairs(angles) do
    local step = result.steps[angle]
    console.log(angle .. ": " .. (step.output or "failed (" .. step.error.kind .. ")"))
end
