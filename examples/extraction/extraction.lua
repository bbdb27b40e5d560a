-- Data from text: the answer fits a JSON Schema, or the model is asked again.
local extractor = llm.agent{
    model = "gpt-4o-mini",
    system = "Extract what the schema asks for.",
    temperature = 0,
    schema = {
        type = "object",
        properties = {
            company = {type = "string"},
            total = {type = "number"},
            items = {
                type = "array",
                items = {
                    type = "object",
                    properties = {name = {type = "string"}, count = {type = "integer", minimum = 1}},
                    required = {"name", "count"},
                },
            },
        },
        required = {"company", "total", "items"},
    },
}

local invoice = extractor:run(params.text or "ACME Ltd. 2 anvils and 1 rope. Total: 119.50").data
console.log(invoice.company .. " wants " .. invoice.total)
for _, item in ipairs(invoice.items) do
    console.log(item.count .. " x " .. item.name)
end
