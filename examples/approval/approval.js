// Each call of a tool is approved first: here by a rule of the spell's own.
// With `approve: "ask"` whoever sits at the terminal is asked instead.
const paid = [];

const pay = {
    name: "pay",
    description: "Pay a bill",
    parameters: {
        properties: {to: {type: "string"}, euros: {type: "number"}},
        required: ["to", "euros"],
    },
    handler: ({to}) => {
        paid.push(to);
        return "paid";
    },
};

const clerk = await llm.agent({
    name: "clerk",
    model: "gpt-4o-mini",
    tools: [pay],
    approve: (call) => call.arguments.euros <= 100 || "more than 100 euros need a signature",
});

console.log(await clerk.run("Pay the baker 20 euros and the builder 5000."));
console.log("paid: " + paid.join(", "));
