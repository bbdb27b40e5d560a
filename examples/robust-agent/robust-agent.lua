-- robust-agent.lua
local function robust_llm_call(prompt, max_retries)
    max_retries = max_retries or 3
    local attempt = 0
    
    while attempt < max_retries do
        attempt = attempt + 1
        
        local success, result = pcall(function()
            return llm.complete({
                model = "gpt-4",
                messages = {{role = "user", content = prompt}}
            })
        end)
        
        if success then
            return result
        else
            console.log("Attempt " .. attempt .. " failed: " .. tostring(result))
            
            if attempt < max_retries then
                -- Exponential backoff
                util.sleep(math.pow(2, attempt) * 1000)
            end
        end
    end
    
    error("Failed after " .. max_retries .. " attempts")
end

-- Usage
local result = robust_llm_call("Explain machine learning", 3)
console.log("Success: " .. result.content)
