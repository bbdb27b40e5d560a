-- Several reviewers look at the same code at once; one more sums up what they found.
local code = params.code or "def mean(xs): return sum(xs) / len(xs)"

local reviewers = {
    {name = "correctness", model = "gpt-4o", system = "Find mistakes in the code. One sentence."},
    {name = "speed", model = "gpt-4o-mini", system = "Find what is slow in the code. One sentence."},
    {name = "style", model = "gpt-4", system = "Find what is hard to read in the code. One sentence."},
}

local reviews = {}
for i, options in ipairs(reviewers) do
    reviews[i] = function() return llm.agent(options):run(code) end
end

-- A reviewer who fails does not keep the others' findings from us.
local found = {}
for i, outcome in ipairs(async.all_settled(reviews)) do
    local name = reviewers[i].name
    if outcome.status == "fulfilled" then
        found[#found + 1] = name .. ": " .. outcome.value
    else
        found[#found + 1] = name .. ": no review (" .. outcome.reason.kind .. ")"
    end
end
console.log(table.concat(found, "\n"))

local lead = llm.agent{model = "gpt-3.5-turbo", system = "Sum the reviews up in one sentence."}
console.log("verdict: " .. lead:run(table.concat(found, "\n")))
