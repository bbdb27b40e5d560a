-- MessagePack, from bytes to Lua values. What comes in was sent by the host.
local P = ...

local unpack, byte, sub = string.unpack, string.byte, string.sub
local lists, orders, null = P.lists, P.orders, P.null

local DEPTH = 128
local data, position, depth
local read

local function fail(what) error({ conversion = true, path = "", message = what }, 0) end

local function number(format)
  local value
  value, position = unpack(format, data, position)
  return value
end

local function bytes(n)
  local first = position
  position = first + n
  if position > #data + 1 then fail("a message that ends too early") end
  return sub(data, first, position - 1)
end

-- Enter one more level; hostile depth would otherwise exhaust the stack.
local function enter()
  depth = depth + 1
  if depth > DEPTH then fail("nested deeper than " .. DEPTH .. " levels") end
end

local function list(n)
  enter()
  local t = {}
  for i = 1, n do
    local value = read()
    if value == nil then value = null end
    t[i] = value
  end
  depth = depth - 1
  lists[t] = true
  return t
end

-- The order of keys is kept aside for `pairs`; rows of one shape share one list of keys.
local last_keys = {}
local function map(n)
  enter()
  local t, keys, same = {}, {}, last_keys
  local shared = #same == n
  for i = 1, n do
    local key = read()
    if type(key) ~= "string" then fail("a map key that is not text") end
    local value = read()
    if value == nil then value = null end
    t[key] = value
    keys[i] = key
    shared = shared and same[i] == key
  end
  depth = depth - 1
  if n > 1 then
    if not shared then last_keys = keys end
    orders[t] = shared and same or keys
  end
  return t
end

local function ext(n)
  local code = number(">i1")
  local stop = position + n
  local value = read()
  if position ~= stop then fail("an extension of the wrong length") end
  if code == 1 then return P.new_handle(value) end
  if code == 3 then return P.new_record(value) end
  return fail("an unknown extension type " .. code)
end

local function unsigned64()
  local value = number(">i8")
  if value < 0 then fail("an integer beyond 64 bits signed") end
  return value
end

-- Readers by first byte, from 0xc0 on.
local readers = {
  [0xc0] = function() return nil end,
  [0xc2] = function() return false end,
  [0xc3] = function() return true end,
  [0xc4] = function() return bytes(number(">I1")) end,
  [0xc5] = function() return bytes(number(">I2")) end,
  [0xc6] = function() return bytes(number(">I4")) end,
  [0xc7] = function() return ext(number(">I1")) end,
  [0xc8] = function() return ext(number(">I2")) end,
  [0xc9] = function() return ext(number(">I4")) end,
  [0xca] = function() return number(">f") end,
  [0xcb] = function() return number(">d") end,
  [0xcc] = function() return number(">I1") end,
  [0xcd] = function() return number(">I2") end,
  [0xce] = function() return number(">I4") end,
  [0xcf] = unsigned64,
  [0xd0] = function() return number(">i1") end,
  [0xd1] = function() return number(">i2") end,
  [0xd2] = function() return number(">i4") end,
  [0xd3] = function() return number(">i8") end,
  [0xd4] = function() return ext(1) end,
  [0xd5] = function() return ext(2) end,
  [0xd6] = function() return ext(4) end,
  [0xd7] = function() return ext(8) end,
  [0xd8] = function() return ext(16) end,
  [0xd9] = function() return bytes(number(">I1")) end,
  [0xda] = function() return bytes(number(">I2")) end,
  [0xdb] = function() return bytes(number(">I4")) end,
  [0xdc] = function() return list(number(">I2")) end,
  [0xdd] = function() return list(number(">I4")) end,
  [0xde] = function() return map(number(">I2")) end,
  [0xdf] = function() return map(number(">I4")) end,
}

function read()
  local first = byte(data, position)
  if not first then fail("a message that ends too early") end
  position = position + 1
  if first < 0x80 then return first end
  if first >= 0xe0 then return first - 0x100 end
  if first < 0x90 then return map(first & 0x0f) end
  if first < 0xa0 then return list(first & 0x0f) end
  if first < 0xc0 then return bytes(first & 0x1f) end
  local reader = readers[first]
  if not reader then fail("a byte that is not MessagePack") end
  return reader()
end

-- Decode one value. A null at the top is nil, one inside is `null`.
function P.decode(payload)
  data, position, depth = payload, 1, 0
  local value = read()
  local complete = position == #payload + 1
  data = nil
  if not complete then fail("a message with something after its value") end
  return value
end
