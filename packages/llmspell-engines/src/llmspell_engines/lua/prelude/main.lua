-- What the host's messages do: start a spell, invoke a callback, cancel, validate.
-- Returns the only two functions Python keeps.
local P = ...

local KIND = P.KIND
local pcall, type, rawget, unpack = pcall, type, rawget, table.unpack

-- ---- callbacks -----------------------------------------------------------------------------

local callbacks, callback_ids = {}, {}

-- The id by which the host knows a function; the same function keeps its id.
function P.callback_id(fn)
  local id = callback_ids[fn]
  if not id then
    id = #callbacks + 1
    callbacks[id], callback_ids[fn] = fn, id
  end
  return id
end

local invocations = {} -- invocation id -> task
function P.invocations() return next(invocations) ~= nil end

-- The record for a value that cannot cross, or cannot because it is too large.
local function unsendable(err, what, limit_name, limit_bytes)
  if type(err) ~= "table" or not rawget(err, "conversion") then error(err, 0) end
  if err.too_large and not limit_name then
    return { kind = "conversion", message = what .. " cannot cross: larger than " .. limit_bytes .. " bytes" }
  end
  if err.too_large then
    return {
      kind = "limit",
      message = what .. " is larger than " .. limit_bytes .. " bytes",
      details = { limit = limit_name, value = limit_bytes },
    }
  end
  local where = err.path ~= "" and { path = err.path } or nil
  return { kind = "conversion", message = what .. " cannot cross: " .. err.message, details = where }
end

local function invoke(id, payload)
  local request = P.decode(payload)
  local fn, args = callbacks[request[1]], request[2]
  local n = #args
  for i = 1, n do
    if args[i] == P.null then args[i] = nil end
  end
  args.n = n
  local task = P.spawn(fn or function() error("the host called an unknown function", 0) end, args, nil,
    function(task)
      invocations[id] = nil
      if P.ended or task.cancelled then return end
      if not task.ok then
        return P.send(KIND.RAISE, id, P.encode(P.error_record(task.result, task.co)))
      end
      local ok, bytes = pcall(P.encode, task.result[1])
      if ok then return P.send(KIND.RETURN, id, bytes) end
      local record = unsendable(bytes, "the result of the function", nil, P.limits.message_bytes)
      P.send(KIND.RAISE, id, P.encode(record))
    end)
  task.invocation, task.depth = id, request[3] or 1
  invocations[id] = task
end

-- ---- start and end -------------------------------------------------------------------------

local function main_settled(task)
  if P.ended then return end
  P.report_unobserved()
  if not task.ok then return P.finish_failed(P.error_record(task.result, task.co)) end
  local limit = math.min(P.limits.result_bytes, P.limits.message_bytes)
  local ok, bytes = pcall(P.encode, task.result[1], limit)
  if ok then return P.finish(KIND.DONE, bytes) end
  P.finish_failed(unsendable(bytes, "the spell's result", "result", limit))
end

local function install_bridges(bridges)
  local E = P.script_env
  for name, description in next, bridges do
    local bridge = P.new_bridge(name, description)
    local library = rawget(E, name)
    if type(library) == "table" then
      -- A bridge named like a library of the guest's adds its methods to it.
      for method in next, description.methods do
        if library[method] == nil then library[method] = bridge[method] end
      end
    else
      E[name] = bridge
    end
  end
end

local function start(_, payload)
  if P.main or P.ended then return end
  local record = P.decode(payload)
  for name, value in next, record.limits or {} do P.limits[name] = value end
  P.start_ms, P.random_seed = record.clock_ms, record.seed
  P.seed(record.seed)
  P.includes = record.includes or {}
  local E = P.script_env
  E.params = record.params or {}
  P.env = P.new_env(record.env or {}, record.env_granted)
  E.env = P.env
  install_bridges(record.bridges or {})
  -- Everything is compiled before anything runs.
  for _, name in ipairs(P.keys_after(P.includes, 0)) do
    local include = P.includes[name]
    if not include.error then
      local chunk, problem = P.compile(include.name, include.source)
      if not chunk then return P.finish_failed(problem) end
      include.chunk = chunk
    end
  end
  local chunk, problem = P.compile(record.name, record.source)
  if not chunk then return P.finish_failed(problem) end
  P.main = P.spawn(chunk, { n = 0 }, nil, main_settled)
end

local function validate(_, payload)
  local record = P.decode(payload)
  local chunk, problem = P.compile(record.name, record.source)
  if chunk then return P.finish(KIND.DONE, "\xc0") end
  P.finish_failed(problem)
end

local function cancel(id)
  if id ~= 0 then
    local task = invocations[id]
    if not task then return end
    task.cancelled = true
    return P.cancel(task)
  end
  P.killed = P.new_error { kind = "cancelled", message = "the spell was cancelled", traceback = {} }
  P.finish_failed(P.error_record(P.killed))
end

P.handlers = {
  [KIND.START] = start,
  [KIND.INVOKE] = invoke,
  [KIND.CANCEL] = cancel,
  [KIND.VALIDATE] = validate,
}

return P.put, P.step
