"""The Lua examples of the architecture document, against a scripted host."""

from __future__ import annotations

from typing import Any

from lua_host import Ext, Host, HostError

BRIDGES: dict[str, Any] = {
    "llm": {"methods": {"complete": 0, "agent": 0}, "open": False, "builders": {}},
    "tools": {"methods": {}, "open": True, "builders": {}},
    "workflow": {
        "methods": {},
        "open": False,
        "builders": {"sequential": {"steps": ["add_step"], "methods": {"run": 0}}},
    },
}
ANSWER = Ext(3, {"content": "forty-two", "usage": {"total_tokens": 7}})
AGENT = Ext(1, [3, "agent", {"run": 0}])


def test_robust_agent_retries_with_growing_pauses() -> None:
    """Two failures are logged with pauses of 2 and 4 seconds, then the answer is used."""
    outcomes: list[Any] = [HostError("network", "down"), HostError("network", "down"), ANSWER]

    def complete(_request: Any) -> Any:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    host = Host({"llm.complete": complete}, bridges=BRIDGES)
    host.start("""
    local function robust_llm_call(prompt, max_retries)
        max_retries = max_retries or 3
        local attempt = 0
        while attempt < max_retries do
            attempt = attempt + 1
            local success, result = pcall(function()
                return llm.complete({model = "gpt-4", messages = {{role = "user", content = prompt}}})
            end)
            if success then
                return result
            else
                console.log("Attempt " .. attempt .. " failed: " .. tostring(result))
                if attempt < max_retries then util.sleep(math.pow(2, attempt) * 1000) end
            end
        end
        error("Failed after " .. max_retries .. " attempts")
    end
    local result = robust_llm_call("Explain machine learning", 3)
    console.log("Success: " .. result.content)""")
    assert host.result is None
    assert [args for target, _, args in host.calls if target == "runtime"] == [[2000], [4000]]
    assert host.texts == [
        "Attempt 1 failed: network error: down",
        "Attempt 2 failed: network error: down",
        "Success: forty-two",
    ]


def test_research_agent_saves_and_summarizes() -> None:
    """An agent's answer is a text: it is written by a tool and cut for the summary."""
    written: list[Any] = []
    methods = {
        "llm.agent": lambda _config: AGENT,
        "3.run": lambda _prompt: ANSWER,
        "tools.file_write": lambda *args: written.append(args),
    }
    host = Host(methods, bridges=BRIDGES)
    host.start("""
    local researcher = llm.agent({model = "claude-3-opus", tools = {"web_search", "file_write"}})
    local topic = params.topic or "quantum computing"
    local research = researcher:run("Research " .. topic .. " and summarize key findings")
    tools.file_write("research/" .. topic:gsub(" ", "_") .. ".md", research)
    return {topic = topic, summary = research:sub(1, 5) .. "...", status = "completed"}""")
    assert host.result == {
        "topic": "quantum computing",
        "summary": "forty...",
        "status": "completed",
    }
    assert written == [("research/quantum_computing.md", ANSWER)]


def test_research_workflow_builds_runs_and_lists_steps_in_order() -> None:
    """The workflow is built in the guest, and its steps' results come in their order."""
    steps = {name: {"status": "completed"} for name in ("research", "analyze", "a_report")}
    host = Host({"workflow.sequential.run": lambda *_: {"steps": steps}}, bridges=BRIDGES)
    host.start("""
    local workflow = workflow.sequential({name = "comprehensive_research"})
    workflow:add_step({name = "research", prompt = "Research {{topic}}"})
    local result = workflow:run({topic = params.topic or "x"})
    for step_name, step_result in pairs(result.steps) do
        console.log("- " .. step_name .. ": " .. step_result.status)
    end
    return result""")
    assert host.texts == ["- research: completed", "- analyze: completed", "- a_report: completed"]
    assert host.result == {"steps": steps}
