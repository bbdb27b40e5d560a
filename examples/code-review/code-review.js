// Several reviewers look at the same code at once; one more sums up what they found.
const code = params.code || "def mean(xs): return sum(xs) / len(xs)";

const reviewers = [
    {name: "correctness", model: "gpt-4o", system: "Find mistakes in the code. One sentence."},
    {name: "speed", model: "gpt-4o-mini", system: "Find what is slow in the code. One sentence."},
    {name: "style", model: "gpt-4", system: "Find what is hard to read in the code. One sentence."},
];

const review = async (options) => (await llm.agent(options)).run(code);

// A reviewer who fails does not keep the others' findings from us.
const outcomes = await Promise.allSettled(reviewers.map(review));
const found = outcomes.map((outcome, i) => {
    const said = outcome.status === "fulfilled" ? outcome.value : `no review (${outcome.reason.kind})`;
    return `${reviewers[i].name}: ${said}`;
});
console.log(found.join("\n"));

const lead = await llm.agent({model: "gpt-3.5-turbo", system: "Sum the reviews up in one sentence."});
console.log("verdict: " + await lead.run(found.join("\n")));
