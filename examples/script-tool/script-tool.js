// A function of the spell as a tool: the model asks for it, the spell answers.
const stock = {apples: 12, pears: 0};

const lookup = await tools.define({
    name: "stock",
    description: "How many of a fruit there are in the shop",
    parameters: {
        type: "object",
        properties: {fruit: {type: "string", description: "In plural, such as `apples`"}},
        required: ["fruit"],
    },
    handler: ({fruit}) => {
        if (!(fruit in stock)) throw new Error("we do not sell " + fruit);
        return {fruit, count: stock[fruit]};
    },
});

// The spell may call it too, by its name.
console.log("apples:", (await tools.stock("apples")).count);

const clerk = await llm.agent({
    model: "gpt-4o-mini",
    system: "You work in a fruit shop. Look things up before you promise them.",
    tools: [lookup],
});
const answer = await clerk.run(params.question || "Do you have apples and plums?");
for (const call of answer.tool_calls) {
    console.log(call.name, call.arguments.fruit, call.error ?? "found");
}
console.log(answer);
