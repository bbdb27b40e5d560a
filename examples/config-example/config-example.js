// config-example.js
// Configuration is passed through environment or params
const config = {
    model: env.LLM_MODEL || "gpt-3.5-turbo",
    temperature: Number(env.LLM_TEMPERATURE) || 0.7,
    max_tokens: Number(env.LLM_MAX_TOKENS) || 1000
};

const agent = await llm.agent({
    model: config.model,
    temperature: config.temperature,
    max_tokens: config.max_tokens,
    system: "You are configured with: " + json.encode(config)
});

const response = await agent.run(params.query || "Hello!");
return {
    config: config,
    response: response.content
};
