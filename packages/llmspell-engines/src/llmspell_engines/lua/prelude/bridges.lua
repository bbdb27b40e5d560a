-- Bridges, handles and streams: what a script calls, turned into CALL messages.
local P = ...

local getinfo, rawget, rawequal, type = debug.getinfo, rawget, rawequal, type
local pack, raise, pcall, setmetatable = table.pack, error, pcall, setmetatable
local special, KIND = P.special, P.KIND

local CREDITS = 32 -- items of a stream asked for at once

-- Method function -> where it was last fetched: { co, frame }. `return llm.complete(x)` is a
-- tail call that leaves no frame; the fetch happened on the same line just before.
local fetched = setmetatable({}, P.weak_keys)

local function note_fetch(fn)
  local info = getinfo(3, "Sl")
  if info then fetched[fn] = { coroutine.running(), info } end
end

function P.fetch_site(fn)
  local site = fetched[fn]
  if not site or site[1] ~= coroutine.running() then return nil end
  return P.frame_of(site[2])
end

-- A library whose functions are noted when fetched, so that `return json.decode(x)` has its
-- line as well. A script may still add to it or replace a function.
function P.noting(name, members)
  local library = setmetatable({}, {
    __name = name,
    __metatable = false,
    __index = function(_, key)
      local value = members[key]
      if type(value) == "function" then note_fetch(value) end
      return value
    end,
    __newindex = function(_, key, value) members[key] = value end,
    __pairs = function() return P.raw_pairs(members) end,
  })
  special[library] = { name = "the library `" .. name .. "`" }
  return library
end

-- Turn a failed encoding or decoding into the error the script sees.
local function conversion(err, what)
  if type(err) ~= "table" or not rawget(err, "conversion") then raise(err, 0) end
  if err.too_large then
    P.fail("conversion", what .. ": larger than " .. P.limits.message_bytes .. " bytes")
  end
  P.fail("conversion", what .. ": " .. err.message, { path = err.path })
end

-- Call the host and wait; returns the answer's value or raises its error. `label` names the
-- method in messages.
local function call(target, method, args, n, label)
  if P.killed then raise(P.killed, 0) end
  if not P.can_park() then
    P.fail("runtime", "`" .. label .. "` cannot be called here: a sort comparison, a gsub function"
      .. " or a metamethod cannot wait; call it before and keep the result")
  end
  while n > 0 and args[n] == nil do n = n - 1 end
  local invocation = P.current_task().invocation
  local encoded, payload = pcall(P.encode_call, target, method, args, n, invocation)
  if not encoded then conversion(payload, "bad argument #" .. P.encoding_argument .. " to `" .. label .. "`") end
  local ok, answer, id = P.open_call(payload)
  local decoded, value = pcall(P.decode, answer)
  if not decoded then conversion(value, "the answer of `" .. label .. "`") end
  if ok then return value end
  value.ref = id
  -- a callback's own frames come before those of this call
  local frames = P.frames()
  if value.traceback then table.move(frames, 1, #frames, #value.traceback + 1, value.traceback)
  else value.traceback = frames end
  raise(P.new_error(value), 0)
end
P.call = call

-- ---- handles -------------------------------------------------------------------------------

local handles = setmetatable({}, { __mode = "v" }) -- id -> handle: one object for one id
local types = {}                                   -- type name and methods -> metatable

local function encode_handle(state)
  P.writer.ext(1, function()
    P.writer.list_header(1)
    P.writer.integer(state.id)
  end)
end

local stream

local function handle_method(type_name, method)
  local label = type_name .. ":" .. method
  return function(self, ...)
    local state = type(self) == "table" and special[self]
    if not state or state.type ~= type_name then
      P.fail("runtime", "call `" .. label .. "(…)` with a colon")
    end
    local args = pack(...)
    local value = call(state.id, method, args, args.n, label)
    if P.is_stream(value) then return stream(value) end
    return value
  end
end

-- The metatable of a handle with these methods; functions are made when first asked for.
local function handle_meta(type_name, flags)
  local made = {}
  return {
    __name = type_name,
    __metatable = false,
    __index = function(_, name)
      local fn = made[name]
      if not fn then
        if flags[name] == nil then return nil end
        fn = handle_method(type_name, name)
        made[name] = fn
      end
      note_fetch(fn)
      return fn
    end,
    __newindex = function() raise("a handle cannot be changed", 2) end,
  }
end

function P.new_handle(data)
  local id, type_name, flags = data[1], data[2], data[3]
  local handle = handles[id]
  if handle then return handle end
  local key = type_name .. "\0" .. table.concat(P.keys_after(flags, 0), " ")
  local meta = types[key]
  if not meta then
    meta = handle_meta(type_name, flags)
    types[key] = meta
  end
  handle = setmetatable({}, meta)
  handles[id] = handle
  special[handle] = { id = id, type = type_name, encode = encode_handle, name = "a handle" }
  return handle
end

-- ---- streams -------------------------------------------------------------------------------

function P.is_stream(value)
  local state = type(value) == "table" and special[value]
  return state and state.type == "stream" or false
end

-- The four values of a generic `for`: iterator, nil, nil, what to close on leaving early.
function stream(handle)
  local id = special[handle].id
  local items, position, done = {}, 0, false
  local function close()
    if not done then
      done = true
      P.send(KIND.RELEASE, id, "\xc0")
    end
  end
  local function iterator()
    while position >= #items do
      if done then return nil end
      local ok, batch = pcall(call, id, "next", { CREDITS }, 1, "stream:next")
      if not ok then
        done = true
        raise(batch, 0)
      end
      items, position, done = batch.items, 0, batch.done
    end
    position = position + 1
    return items[position]
  end
  local closing = setmetatable({}, { __metatable = false, __name = "stream", __close = close })
  special[closing] = { name = "a stream" }
  return iterator, nil, nil, closing
end

-- ---- bridges -------------------------------------------------------------------------------

local function bridge_method(bridge, method, proxy)
  local label = bridge .. "." .. method
  return function(...)
    local args = pack(...)
    if proxy and rawequal(args[1], proxy) then
      P.fail("runtime", "call `" .. label .. "(…)` with a dot, not with a colon")
    end
    local value = call(bridge, method, args, args.n, label)
    if P.is_stream(value) then return stream(value) end
    return value
  end
end
P.bridge_method = bridge_method

-- The table a script knows a bridge by: methods and builders, read-only.
function P.new_bridge(name, description)
  local methods, builders = description.methods or {}, description.builders or {}
  local made = {}
  local proxy = {}
  local function member(key)
    if type(key) ~= "string" then return nil end
    local fn = made[key]
    if not fn then
      if builders[key] then
        fn = P.new_builder(name, key, builders[key])
      elseif methods[key] ~= nil or description.open then
        fn = bridge_method(name, key, proxy)
      else
        return nil
      end
      made[key] = fn
    end
    return fn
  end
  special[proxy] = { name = "the bridge `" .. name .. "`" }
  return setmetatable(proxy, {
    __name = "bridge " .. name,
    __metatable = false,
    __index = function(_, key)
      local fn = member(key)
      if fn then note_fetch(fn) end
      return fn
    end,
    __newindex = function(_, key)
      raise("the bridge `" .. name .. "` cannot be changed (field '" .. P.tostring(key) .. "')", 2)
    end,
    __pairs = function()
      local names, more = P.keys_after(methods, 0), P.keys_after(builders, 0)
      table.move(more, 1, #more, #names + 1, names)
      local i = 0
      return function()
        i = i + 1
        if names[i] ~= nil then return names[i], member(names[i]) end
      end, proxy, nil
    end,
  })
end
