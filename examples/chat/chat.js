// A chat that can be gone on with tomorrow: `llmspell run chat.js --stdin`,
// with --allow-read=chat.json --allow-write=chat.json to have it remembered.
const FILE = "chat.json";
let context = {};
try { context = json.decode(await fs.read(FILE)); } catch {}

const agent = await llm.agent({model: "gpt-4o-mini", system: "You are good company. Be brief."});
for await (const line of console.lines()) {
    console.write("> " + line + "\n");
    for await (const chunk of agent.stream(line, {context})) {
        if (chunk.type === "text") {
            console.write(chunk);
        } else if (chunk.type === "end") {
            context = chunk.context;
        }
    }
    console.write("\n");
}

console.log(context.messages.length + " messages");
try { await fs.write(FILE, json.encode(context)); } catch {}
