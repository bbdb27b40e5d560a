print(llm.complete("Say hello", { model = "openai/gpt-4o-mini" }))
