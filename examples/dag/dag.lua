-- A graph: two facts are looked up at once, and each step begins when what it needs has ended.
local flow = workflow.dag{name = "trip"}
local forecaster = llm.agent{model = "gpt-4o-mini", system = "One short sentence."}
local guide = llm.agent{model = "gpt-4", system = "One short sentence."}

flow:add_step{name = "weather", agent = forecaster, prompt = "The weather in {{city}} in {{month}}?"}
flow:add_step{name = "sights", agent = guide, prompt = "The best sights of {{city}}?"}
flow:add_step{
    name = "plan",
    needs = {"weather", "sights"},
    agent = llm.agent{model = "gpt-4o", system = "You plan trips."},
    prompt = "Plan a day. {{weather.output}} {{sights.output}}",
}
flow:add_step{
    name = "packing",
    needs = {"weather"},
    run = function(inputs, steps)
        return steps.weather.output:find("rain") and "an umbrella" or "a hat"
    end,
}

local found = flow:validate{city = "Porto", month = "May"}
assert(found.valid, table.concat(found.errors, "\n"))

local result = flow:run{city = "Porto", month = "May"}
console.log(result.steps.plan.output)
console.log("Pack " .. result.steps.packing.output .. ".")
