-- async.spawn, all, all_settled, race, any: many functions of one spell at once.
local P = ...

local type, raise, unpack, rawlen, rawget = type, error, table.unpack, rawlen, rawget

local tasks = P.special -- handle of a task in the script -> { task = …, name = … }
local unobserved = {}   -- spawned tasks that failed, until somebody awaits them

local function state_of(value)
  local state = type(value) == "table" and tasks[value]
  return state and state.task and state or nil
end

local function need_park(what)
  if not P.can_park() then
    raise("`" .. what .. "` cannot wait here: not inside a sort comparison, a gsub function or a metamethod of C", 3)
  end
end

-- Park until one of `list` makes `decide(task, index)` true.
local function wait(list, decide)
  local parent = P.current_task()
  local done, parked = false, false
  local function on_settled(index)
    return function(task)
      if done then return end
      if decide(task, index) then
        done = true
        if parked then P.wake(parent) end
      end
    end
  end
  for i = 1, #list do
    local listener = on_settled(i)
    local task = list[i]
    if task.settled then
      listener(task)
    else
      task.listeners = task.listeners or {}
      task.listeners[#task.listeners + 1] = listener
    end
  end
  if not done then
    parked = true
    P.park()
  end
end

local function observe(task)
  task.observed = true
  for i = #unobserved, 1, -1 do
    if unobserved[i] == task then table.remove(unobserved, i) end
  end
end

-- Tell of failures nobody looked at, before the run ends.
function P.report_unobserved()
  for i = 1, #unobserved do
    local record = P.error_record(unobserved[i].result, unobserved[i].co)
    P.log("warn", "a task of async.spawn failed and nobody awaited it: " .. record.message, true)
  end
  unobserved = {}
end

local methods = {}
local meta = {
  __name = "task",
  __metatable = false,
  __index = function(_, name) return methods[name] end,
  __newindex = function() raise("a task cannot be changed", 2) end,
}

local function own_task(self, name)
  local state = state_of(self)
  if not state then raise("call `task:" .. name .. "()` with a colon", 3) end
  return state.task
end

function methods.await(self)
  local task = own_task(self, "await")
  observe(task)
  if not task.settled then
    if task == P.current_task() then raise("a task cannot await itself", 2) end
    need_park("task:await")
    wait({ task }, function() return true end)
  end
  if task.ok then return unpack(task.result, 1, task.result.n) end
  raise(task.result, 0)
end

function methods.cancel(self)
  local task = own_task(self, "cancel")
  observe(task)
  local ancestor = P.current_task()
  while ancestor do
    if ancestor == task then raise("a task cannot cancel itself or what started it", 2) end
    ancestor = ancestor.parent
  end
  P.cancel(task)
  if P.killed then raise(P.killed, 0) end
end

local async = {}
P.async = async

function async.spawn(fn, ...)
  if type(fn) ~= "function" then
    raise("bad argument #1 to `async.spawn`: expected function, got " .. type(fn), 2)
  end
  local task = P.spawn(fn, table.pack(...), P.current_task(), function(task)
    if not task.ok and not task.observed and not P.is_cancelled(task.result) then
      unobserved[#unobserved + 1] = task
    end
  end)
  local handle = setmetatable({}, meta)
  tasks[handle] = { task = task, name = "an async task" }
  return handle
end

function P.is_cancelled(err) return P.is_error(err) and rawget(err, "kind") == "cancelled" end

local function cancel_rest(list)
  for i = 1, #list do P.cancel(list[i]) end
  if P.killed then raise(P.killed, 0) end
end

-- Start what is not yet a task; returns the tasks in order.
local function start(list, name)
  if type(list) ~= "table" then
    raise("bad argument #1 to `" .. name .. "`: expected a list of functions, got " .. type(list), 3)
  end
  need_park(name)
  local started = {}
  for i = 1, rawlen(list) do
    local item = rawget(list, i)
    local state = state_of(item)
    if not state and type(item) ~= "function" then
      cancel_rest(started)
      raise("bad argument #1 to `" .. name .. "`: item " .. i .. " is a " .. type(item) .. ", not a function", 3)
    end
    if state then observe(state.task) end
    started[i] = state and state.task or P.spawn(item, { n = 0 }, P.current_task())
  end
  return started
end

-- The results of all, in order; the first error cancels the others and is raised.
function async.all(list)
  local started = start(list, "async.all")
  local left, failed = #started, nil
  if left > 0 then
    wait(started, function(task)
      left = left - 1
      if not task.ok then failed = task end
      return failed ~= nil or left == 0
    end)
  end
  if failed then
    cancel_rest(started)
    raise(failed.result, 0)
  end
  local results = {}
  for i = 1, #started do results[i] = started[i].result[1] end
  return P.array(results)
end

-- What became of all, in order, as `Promise.allSettled` tells it; an error of one is its own.
function async.all_settled(list)
  local started = start(list, "async.all_settled")
  local left = #started
  if left > 0 then
    wait(started, function()
      left = left - 1
      return left == 0
    end)
  end
  if P.killed then raise(P.killed, 0) end
  local outcomes = {}
  for i = 1, #started do
    local task = started[i]
    outcomes[i] = task.ok and { status = "fulfilled", value = task.result[1] }
      or { status = "rejected", reason = task.result }
  end
  return P.array(outcomes)
end

-- What settles first, result or error; the rest is cancelled.
function async.race(list)
  local started = start(list, "async.race")
  if #started == 0 then raise("`async.race` needs at least one function", 2) end
  local first
  wait(started, function(task)
    first = first or task
    return true
  end)
  cancel_rest(started)
  if not first.ok then raise(first.result, 0) end
  return first.result[1]
end

-- The first success; the rest is cancelled. An error when all fail.
function async.any(list)
  local started = start(list, "async.any")
  if #started == 0 then raise("`async.any` needs at least one function", 2) end
  local left, first = #started, nil
  wait(started, function(task)
    left = left - 1
    if task.ok then first = task end
    return first ~= nil or left == 0
  end)
  if first then
    cancel_rest(started)
    return first.result[1]
  end
  local messages = {}
  for i = 1, #started do
    messages[i] = P.error_record(started[i].result, started[i].co).message
  end
  P.fail("runtime", "all " .. #started .. " functions failed; the first: " .. messages[1], { errors = messages })
end
