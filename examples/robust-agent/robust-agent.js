// robust-agent.js
async function robustLlmCall(prompt, maxRetries = 3) {
    let attempt = 0;
    
    while (attempt < maxRetries) {
        attempt++;
        
        try {
            const result = await llm.complete({
                model: "gpt-4",
                messages: [{role: "user", content: prompt}]
            });
            return result;
        } catch (error) {
            console.log(`Attempt ${attempt} failed: ${error.message}`);
            
            if (attempt < maxRetries) {
                // Exponential backoff
                await util.sleep(Math.pow(2, attempt) * 1000);
            }
        }
    }
    
    throw new Error(`Failed after ${maxRetries} attempts`);
}

// Usage
const result = await robustLlmCall("Explain machine learning", 3);
console.log(`Success: ${result.content}`);
