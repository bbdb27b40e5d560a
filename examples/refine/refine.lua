-- A writer and a critic, in turns, until the critic is content or three rounds are over.
local flow = workflow.loop{
    name = "slogan",
    stop_when = {step = "critic", contains = "GOOD"},
    max_iterations = 3,
    output = "{{writer.output}}",
}
flow:add_step{
    name = "writer",
    agent = llm.agent{model = "gpt-4o", system = "You write slogans."},
    prompt = "A slogan for {{product}}. {{critic.output | default('')}}",
}
flow:add_step{
    name = "critic",
    agent = llm.agent{model = "gpt-4o-mini", system = "Say GOOD, or what is wrong with the slogan."},
    prompt = "{{writer.output}}",
}

for event in flow:run_with_progress{product = params.product or "umbrellas"} do
    if event.type == "step_finished" then
        console.log(event.name .. ": " .. event.output)
    elseif event.type == "end" then
        console.log(event.status .. " after " .. event.iterations .. " rounds: " .. event.output)
    end
end
