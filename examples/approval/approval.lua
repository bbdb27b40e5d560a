-- Each call of a tool is approved first: here by a rule of the spell's own.
-- With `approve = "ask"` whoever sits at the terminal is asked instead.
local paid = {}

local pay = {
    name = "pay",
    description = "Pay a bill",
    parameters = {
        properties = {to = {type = "string"}, euros = {type = "number"}},
        required = {"to", "euros"},
    },
    handler = function(args)
        paid[#paid + 1] = args.to
        return "paid"
    end,
}

local clerk = llm.agent{
    name = "clerk",
    model = "gpt-4o-mini",
    tools = {pay},
    approve = function(call)
        if call.arguments.euros <= 100 then return true end
        return "more than 100 euros need a signature"
    end,
}

console.log(clerk:run("Pay the baker 20 euros and the builder 5000."))
console.log("paid: " .. table.concat(paid, ", "))
