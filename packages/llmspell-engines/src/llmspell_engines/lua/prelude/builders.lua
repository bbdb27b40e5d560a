-- Builders: objects such as `workflow.sequential(…)` that are put together in the guest and
-- sent whole with the call that uses them.
local P = ...

local type, pack, raise, setmetatable = type, table.pack, error, setmetatable
local special = P.special

-- Encode as [bridge, builder, [args…], [[step, [args…]], …]].
local function encode(state, depth)
  local w = P.writer
  if not w.functions_allowed() then w.fail(depth, state.name .. " cannot cross here") end
  w.enter(state, depth)
  w.ext(4, function()
    w.list_header(4)
    w.text(state.bridge)
    w.text(state.builder)
    w.list(state.args, state.args.n, depth)
    w.list_header(#state.steps)
    for i = 1, #state.steps do
      local step = state.steps[i]
      w.list_header(2)
      w.text(step.name)
      w.list(step.args, step.args.n, depth)
    end
  end)
  w.leave(state)
end

local function need_self(self, meta, label)
  local state = type(self) == "table" and special[self]
  if not state or state.meta ~= meta then
    P.fail("runtime", "call `" .. label .. "(…)` with a colon")
  end
  return state
end

-- The function that makes builders of one kind.
function P.new_builder(bridge, builder, description)
  local label = bridge .. "." .. builder
  local members = {}
  local meta = {
    __name = label,
    __metatable = false,
    __index = function(_, name) return members[name] end,
    __newindex = function() raise("a builder cannot be changed; call its steps", 2) end,
  }
  local steps = description.steps or {}
  for i = 1, #steps do
    local name = steps[i]
    members[name] = function(self, ...)
      local state = need_self(self, meta, builder .. ":" .. name)
      state.steps[#state.steps + 1] = { name = name, args = pack(...) }
      return self
    end
  end
  local methods = description.methods or {}
  for method in next, methods do
    local send = P.bridge_method(bridge, builder .. "." .. method)
    members[method] = function(self, ...)
      need_self(self, meta, builder .. ":" .. method)
      return send(self, ...)
    end
  end
  return function(...)
    local object = setmetatable({}, meta)
    special[object] = {
      name = "the builder `" .. label .. "`",
      meta = meta, bridge = bridge, builder = builder,
      args = pack(...), steps = {}, encode = encode,
    }
    return object
  end
end
