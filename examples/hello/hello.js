// /// spell
// description = "Ask a language model to greet somebody, and show its answer as it arrives"
// [params.name]
// type = "string"
// description = "Whom to greet"
// default = "world"
// ///
console.info(`Asking a model to greet ${params.name} …`);

const prompt = `Greet ${params.name} in one short sentence.`;
let answer = "";
for await (const chunk of llm.stream({ prompt, max_tokens: 60, temperature: 0 })) {
    console.write(chunk.content);
    answer += chunk.content;
}
console.log("");

if (answer === "") {
    throw new Error("the model said nothing");
}
