-- Tasks, calls and messages. A task is a coroutine of the prelude's; whatever waits (a call,
-- another task, a log on its way out) parks its task, and `step` runs the next ready one.
local P = ...

local co_create, co_resume, co_status = coroutine.create, coroutine.resume, coroutine.status
local co_yield, co_close = coroutine.yield, coroutine.close
local is_yieldable = coroutine.isyieldable
local pack, unpack = table.pack, table.unpack

local KIND = {
  START = 1, RESULT = 2, ERROR = 3, INVOKE = 4, CANCEL = 5, VALIDATE = 6,
  CALL = 65, DONE = 66, FAILED = 67, LOG = 68, RETURN = 69, RAISE = 70,
  CANCEL_CALL = 71, RELEASE = 72,
}
P.KIND = KIND

-- What a yield of the prelude carries, so that no yield of the script is taken for one.
local HOST = {}
P.HOST = HOST

local function new_queue() return { first = 1, last = 0 } end
local function push(queue, item)
  local last = queue.last + 1
  queue.last, queue[last] = last, item
end
local function push_front(queue, item)
  local first = queue.first - 1
  queue.first, queue[first] = first, item
end
local function pop(queue)
  local first = queue.first
  local item = queue[first]
  if item == nil then return nil end
  queue[first] = nil
  queue.first = first + 1
  return item
end

local outbox, ready = new_queue(), new_queue()
local calls = {}        -- id -> the call waiting for its answer
local open_calls, last_call = 0, 0
-- Callback depth -> { open = calls in flight there, waiting = calls without a place yet }. Each
-- depth has its own places: a callback's calls must not wait for the very calls that wait for it.
local levels = {}
local roots = setmetatable({}, P.weak_keys) -- coroutines of tasks: the script may not resume them
local current           -- the running task
P.roots = roots
P.blocked = false       -- true inside a coroutine resumed where nothing can yield to the host
P.ended = false
P.killed = false        -- the error that ends the run; set here, as a new key needs memory

-- Put a message to the host into the outbox: kind, id, payload.
function P.send(kind, id, payload) push(outbox, { kind, id, payload }) end

-- End the run: nothing but the messages already in the outbox and this one leaves.
function P.finish(kind, payload)
  if P.ended then return end
  P.ended = true
  P.send(kind, 0, payload)
end

-- End the run with an error record.
function P.finish_failed(record)
  if not P.ended then P.finish(KIND.FAILED, P.encode(record)) end
end

function P.current_task() return current end
function P.can_park() return current ~= nil and not P.blocked and is_yieldable() end

-- Park the running task until `wake`; returns what `wake` was given.
local function park() return co_yield(HOST) end
P.park = park

local function wake(task, ...)
  if task.settled then return end
  task.values = pack(...)
  push(ready, task)
end
P.wake = wake

-- Let the running task go on only after the outbox has been emptied.
function P.flush()
  current.values = { n = 0 }
  push_front(ready, current)
  park()
end

-- Start a task. `on_settle(task)` runs once it has returned, failed or was cancelled:
-- task.ok, task.result (packed values, or the error).
function P.spawn(fn, args, parent, on_settle)
  local task = { co = co_create(fn), values = args, on_settle = on_settle, parent = parent, children = {} }
  task.invocation = parent and parent.invocation or 0 -- the callback it belongs to, 0 for the spell
  task.depth = parent and parent.depth or 0           -- how deep callbacks called callbacks
  roots[task.co] = true
  if parent then parent.children[#parent.children + 1] = task end
  push(ready, task)
  return task
end

local function forget(task)
  local parent = task.parent
  if not parent then return end
  local siblings = parent.children
  for i = #siblings, 1, -1 do
    if siblings[i] == task then table.remove(siblings, i) end
  end
end

local function settle(task, ok, result)
  task.settled, task.ok, task.result = true, ok, result
  forget(task)
  if task.on_settle then task.on_settle(task) end
  local listeners = task.listeners
  if listeners then
    for i = 1, #listeners do listeners[i](task) end
  end
end

-- Send calls that waited for a free place at their depth.
local function pump_calls(level)
  while level.open < P.limits.calls_in_flight do
    local call = pop(level.waiting)
    if not call then return end
    if not call.dropped then
      last_call = last_call + 1
      open_calls = open_calls + 1
      level.open = level.open + 1
      call.id = last_call
      calls[call.id] = call
      P.send(KIND.CALL, call.id, call.payload)
      call.payload = nil
    end
  end
end

-- Make a call and park until its answer; returns true or false, the payload, the call's id.
function P.open_call(payload)
  local level = levels[current.depth]
  if not level then
    level = { open = 0, waiting = new_queue() }
    levels[current.depth] = level
  end
  local call = { task = current, payload = payload, level = level }
  current.call = call
  push(level.waiting, call)
  pump_calls(level)
  return park()
end

local function close_call(call)
  calls[call.id] = nil
  open_calls = open_calls - 1
  call.level.open = call.level.open - 1
end

local function drop_call(task)
  local call = task.call
  if not call then return end
  task.call, call.dropped = nil, true
  if call.id then
    close_call(call)
    P.send(KIND.CANCEL_CALL, call.id, "\xc0")
    pump_calls(call.level)
  end
end

-- Cancel a task that is not running, with all that it started.
function P.cancel(task)
  if task.settled then return end
  task.settled = true
  drop_call(task)
  local children = task.children
  for i = #children, 1, -1 do
    if children[i] then P.cancel(children[i]) end
  end
  -- runs its `__close` handlers; an error in them has no reader, but may be one that ends the run
  local closed, problem = co_close(task.co)
  if not closed and P.is_fatal(problem) then P.killed = P.killed or problem end
  settle(task, false, P.new_error { kind = "cancelled", message = "the task was cancelled", traceback = {} })
end

-- An answer came: wake the task that waits for it.
local function answer(ok, id, payload)
  local call = calls[id]
  if not call then return end
  close_call(call)
  call.task.call = nil
  wake(call.task, ok, payload, id)
  pump_calls(call.level)
end

-- The coroutine in which the run came to its end; `step` reports `P.killed` from there.
local victim

local function finished(task, ok, ...)
  local co = task.co
  local err = ...
  if P.killed or (not ok and P.is_fatal(err)) then
    P.killed, victim = P.killed or err, co
    return nil
  end
  if ok and co_status(co) == "suspended" then return nil end
  if ok then return settle(task, true, pack(...)) end
  err = P.located(err, co)
  P.keep_trace(err, co)
  return settle(task, false, err)
end

local function run(task)
  local values = task.values
  task.values = nil
  current = task
  finished(task, co_resume(task.co, unpack(values, 1, values.n)))
  current = nil
end

local inbox = new_queue()

-- Python: deliver one message. It is only stored; `step` acts on it under the memory limit.
function P.put(kind, id, payload, clock_ms)
  if not P.ended then push(inbox, { kind, id, payload, clock_ms }) end
end

local function deliver(message)
  local kind, id, payload = message[1], message[2], message[3]
  P.elapsed_ms = message[4]
  if kind == KIND.RESULT or kind == KIND.ERROR then return answer(kind == KIND.RESULT, id, payload) end
  local handler = P.handlers[kind]
  if handler then handler(id, payload) end
end

-- When nothing can ever happen again, say so rather than wait for the wall clock.
local function check_deadlock()
  if P.main and not P.main.settled and open_calls == 0 and not P.invocations() then
    P.finish_failed {
      kind = "runtime",
      message = "deadlock: every task waits for another one",
      traceback = P.array(P.frames(P.main.co)),
    }
  end
end

local STARVED, lifted = -1, false

-- Python: run until there is a message, and return it as kind, id, payload; nothing when
-- nothing is ready; STARVED when the memory limit must be lifted before the next step.
function P.step()
  while true do
    local message = pop(outbox)
    if message then return message[1], message[2], message[3] end
    if P.ended then return nil end
    if P.killed then
      -- an error of memory leaves no memory to report it
      if not lifted then
        lifted = true
        return STARVED, 0, ""
      end
      P.finish_failed(P.error_record(P.killed, victim))
    end
    local event = pop(inbox)
    if event then
      deliver(event)
    else
      local task = pop(ready)
      if not task then
        check_deadlock()
        if not P.ended then return nil end
      elseif not task.settled then
        run(task)
      end
    end
  end
end
