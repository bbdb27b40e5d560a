// basic-llm.js
const response = await llm.complete({
    model: "gpt-4",
    messages: [
        {role: "user", content: "Explain quantum computing in simple terms"}
    ]
});

console.log(`Response: ${response.content}`);
console.log(`Tokens used: ${response.usage.total_tokens}`);
