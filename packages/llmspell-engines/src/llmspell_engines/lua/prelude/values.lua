-- Values that Lua lacks (null, "this table is a list", "this map has an order"),
-- and the one rule that says whether a table is a list or a map.
--
-- Rule of every prelude file: never use `s:method()` on a string, and touch a script's table
-- by raw access only (rawget, rawlen, next; rawequal, as `==` calls `__eq`), so that no code
-- of the script runs in here.
local P = ...

local getmetatable = debug.getmetatable -- the real one: `__metatable` cannot hide anything
local math_type, rawget, rawlen, next, type = math.type, rawget, rawlen, next, type
local sort = table.sort

local weak_keys = { __mode = "k" }

-- Tables known to be lists even when empty, and the key order of maps from outside.
local lists = setmetatable({}, weak_keys)
local orders = setmetatable({}, weak_keys)
-- Objects that are more than plain data: object -> { encode = …, name = … }, or { plain = table }
-- where that table is what crosses.
local special = setmetatable({}, weak_keys)
P.lists, P.orders, P.special, P.weak_keys = lists, orders, special, weak_keys

-- `null` inside a map or a list. A nil there would simply be absent.
P.null = setmetatable({}, {
  __name = "null",
  __metatable = false,
  __tostring = function() return "null" end,
  __index = function() error("attempt to index a null value", 2) end,
  __newindex = function() error("attempt to change null", 2) end,
})

-- Mark a table as a list, so that `array{}` crosses as [] and not as {}.
function P.array(t)
  if t == nil then t = {} end
  if type(t) ~= "table" then
    error("bad argument #1 to 'array' (table expected, got " .. type(t) .. ")", 2)
  end
  lists[t] = true
  return t
end

-- Say what a table is: "list", length; or "map", sorted keys; or nil, why it is neither.
function P.shape(t)
  local count, top, named, names = 0, 0, 0, {}
  for key in next, t do
    if type(key) == "string" then
      named = named + 1
      names[named] = key
    elseif math_type(key) == "integer" and key >= 1 then
      count = count + 1
      if key > top then top = key end
    else
      return nil, "a key of type " .. type(key) .. " (keys are text, or positions from 1)"
    end
  end
  if named > 0 then
    if named > 1 then sort(names) end
    if count > 0 or lists[t] then
      return nil, "list items together with the named field `" .. names[1] .. "`"
    end
    return "map", names
  end
  if count == 0 and not lists[t] then return "map", names end
  if top > 2 * count + 8 then
    return nil, "a list with " .. count .. " items up to position " .. top
  end
  return "list", top
end

-- Sort keys of any kind: numbers, then texts, then false and true, then the rest.
local function sorted(keys)
  local numbers, texts, others = {}, {}, {}
  local has = {}
  for i = 1, #keys do
    local key = keys[i]
    local kind = type(key)
    if kind == "number" then
      numbers[#numbers + 1] = key
    elseif kind == "string" then
      texts[#texts + 1] = key
    elseif kind == "boolean" then
      has[key] = true
    else
      others[#others + 1] = key
    end
  end
  sort(numbers)
  sort(texts)
  local result = table.move(texts, 1, #texts, #numbers + 1, numbers)
  if has[false] then result[#result + 1] = false end
  if has[true] then result[#result + 1] = true end
  return table.move(others, 1, #others, #result + 1, result)
end

-- The keys of a table after its positions 1..size: those of a map from outside in
-- the order they came, then all others sorted.
local function keys_after(t, size)
  local keys, known = {}, {}
  local order = orders[t]
  if order then
    for i = 1, #order do
      local key = order[i]
      if rawget(t, key) ~= nil then
        keys[#keys + 1] = key
        known[key] = true
      end
    end
  end
  local rest = {}
  for key in next, t do
    local in_list = math_type(key) == "integer" and key >= 1 and key <= size
    if not in_list and not known[key] then rest[#rest + 1] = key end
  end
  if #rest > 1 then rest = sorted(rest) end
  if #keys == 0 then return rest end
  return table.move(rest, 1, #rest, #keys + 1, keys)
end
P.keys_after = keys_after

-- `pairs` in an order that is the same in every run. Lua's own order follows a hash seed
-- drawn per process, so that a run could not be repeated from its crossings.
function P.pairs(t)
  local meta = getmetatable(t)
  local handler = meta and rawget(meta, "__pairs")
  if handler ~= nil then
    local iterator, state, first = handler(t)
    return iterator, state, first
  end
  if type(t) ~= "table" then
    error("bad argument #1 to 'pairs' (table expected, got " .. type(t) .. ")", 2)
  end
  return P.raw_pairs(t)
end

-- The same without `__pairs`, for the prelude.
function P.raw_pairs(t)
  local size = rawlen(t)
  local keys = keys_after(t, size)
  local position = 0
  return function()
    while true do
      position = position + 1
      local key = position
      if position > size then key = keys[position - size] end
      if key == nil then return nil end
      local value = rawget(t, key)
      if value ~= nil then return key, value end
    end
  end, t, nil
end
