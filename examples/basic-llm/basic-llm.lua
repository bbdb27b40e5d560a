-- basic-llm.lua
local response = llm.complete({
    model = "gpt-4",
    messages = {
        {role = "user", content = "Explain quantum computing in simple terms"}
    }
})

console.log("Response: " .. response.content)
console.log("Tokens used: " .. response.usage.total_tokens)
