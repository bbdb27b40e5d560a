-- A question goes to the agent that can answer it; what kind it is, a small model says.
local kind = llm.agent{
    model = "gpt-4o-mini",
    system = "Say `billing`, `technical` or `other`, and nothing else.",
}

local desk = workflow.conditional{name = "desk"}
desk:add_step{
    name = "billing",
    when = {input = "kind", contains = "billing"},
    agent = llm.agent{model = "gpt-4o", system = "You answer questions about invoices."},
    prompt = "{{question}}",
}
desk:add_step{
    name = "technical",
    when = {input = "kind", contains = "technical"},
    agent = llm.agent{model = "gpt-4o", system = "You help with broken machines."},
    prompt = "{{question}}",
}
desk:add_step{
    name = "other",
    otherwise = true,
    run = function(inputs) return "Nobody here can answer: " .. inputs.question end,
}

local flow = workflow.sequential{name = "help"}
flow:add_step{name = "kind", agent = kind, prompt = "{{question}}"}
flow:add_step{
    name = "answer",
    workflow = desk,
    inputs = {question = "{{question}}", kind = "{{kind.output | lower}}"},
}

local result = flow:run{question = params.question or "Why was I charged twice?"}
console.log(result.output)
for name, step in pairs(result.steps.answer.steps) do
    if step.status == "completed" then console.log("by: " .. name) end
end
