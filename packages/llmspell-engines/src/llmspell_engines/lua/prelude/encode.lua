-- MessagePack, from Lua values to bytes. No code of the script runs in here: tables are
-- read raw, metatables are ignored. Bounds and errors name the path: `messages[3].content`.
local P = ...

local pack, char, concat = string.pack, string.char, table.concat
local math_type, type, rawget, rawequal = math.type, type, rawget, rawequal
local utf8_len, find = utf8.len, string.find
local special, null = P.special, P.null

P.limits = {
  depth = 64,
  nodes = 200000,
  message_bytes = 16 * 1024 * 1024,
  result_bytes = 10 * 1024 * 1024,
  calls_in_flight = 64,
}

-- The state of the one encoding under way; nothing in here yields or re-enters.
local out, count, size, nodes, max_bytes, functions
local path, visiting

-- The path to the value under way, as a script would write it.
local function path_text(depth)
  local parts = {}
  for i = 1, depth do
    local key = path[i]
    if type(key) == "number" then
      parts[i] = "[" .. key .. "]"
    elseif find(key, "^[%a_][%w_]*$") then
      parts[i] = (i > 1 and "." or "") .. key
    else
      parts[i] = "[" .. P.quote(key) .. "]"
    end
  end
  return P.text(concat(parts), 500)
end

local function fail(depth, what)
  local where = path_text(depth)
  local message = where == "" and what or (where .. ": " .. what)
  error({ conversion = true, path = where, message = message }, 0)
end

local function put(bytes)
  count = count + 1
  out[count] = bytes
  size = size + #bytes
  if size > max_bytes then error({ conversion = true, too_large = true }, 0) end
end

local function put_integer(n)
  if n >= 0 then
    if n < 0x80 then return put(char(n)) end
    if n < 0x100 then return put(char(0xcc, n)) end
    if n < 0x10000 then return put(pack(">BI2", 0xcd, n)) end
    if n < 0x100000000 then return put(pack(">BI4", 0xce, n)) end
    return put(pack(">BI8", 0xcf, n))
  end
  if n >= -0x20 then return put(char(n & 0xff)) end
  if n >= -0x80 then return put(pack(">Bi1", 0xd0, n)) end
  if n >= -0x8000 then return put(pack(">Bi2", 0xd1, n)) end
  if n >= -0x80000000 then return put(pack(">Bi4", 0xd2, n)) end
  return put(pack(">Bi8", 0xd3, n))
end

local function put_text(s)
  local n = #s
  if n < 0x20 then
    put(char(0xa0 | n))
  elseif n < 0x100 then
    put(char(0xd9, n))
  elseif n < 0x10000 then
    put(pack(">BI2", 0xda, n))
  else
    put(pack(">BI4", 0xdb, n))
  end
  put(s)
end

-- A string is text when it is valid UTF-8 and bytes when it is not.
local function put_string(s)
  if #s > max_bytes then put(s) end -- fails before it is read through
  if utf8_len(s) then return put_text(s) end
  local n = #s
  if n < 0x100 then
    put(char(0xc4, n))
  elseif n < 0x10000 then
    put(pack(">BI2", 0xc5, n))
  else
    put(pack(">BI4", 0xc6, n))
  end
  put(s)
end

local function put_header(n, small, medium, large)
  if n < 16 then
    put(char(small | n))
  elseif n < 0x10000 then
    put(pack(">BI2", medium, n))
  else
    put(pack(">BI4", large, n))
  end
end
local function put_list_header(n) put_header(n, 0x90, 0xdc, 0xdd) end
local function put_map_header(n) put_header(n, 0x80, 0xde, 0xdf) end

-- Write an extension: `body` writes its data, the header is put in front afterwards.
local function put_ext(code, body)
  put("")
  local slot, before = count, size
  body()
  local header = pack(">BI4B", 0xc9, size - before, code)
  out[slot] = header
  size = size + #header
end

local put_value

local function put_map(t, keys, depth)
  put_map_header(#keys)
  for i = 1, #keys do
    local key = keys[i]
    path[depth + 1] = key
    if not utf8_len(key) then fail(depth + 1, "a key that is not valid UTF-8") end
    put_text(key)
    put_value(rawget(t, key), depth + 1)
  end
end

local function put_list(t, n, depth)
  put_list_header(n)
  for i = 1, n do
    path[depth + 1] = i - 1 -- counted from 0, as the host does in every language
    put_value(rawget(t, i), depth + 1)
  end
end

-- Go one level down into a table, or refuse.
local function enter(t, depth)
  if depth >= P.limits.depth then
    fail(depth, "nested deeper than " .. P.limits.depth .. " levels")
  end
  if visiting[t] then fail(depth, "a table that contains itself") end
  visiting[t] = true
end
local function leave(t) visiting[t] = nil end

local function put_table(t, depth)
  enter(t, depth)
  local shape, detail = P.shape(t)
  if not shape then fail(depth, detail) end
  if P.is_record(t) and type(rawget(t, "content")) == "string" then
    put_ext(3, function() put_map(t, detail, depth) end)
  elseif shape == "list" then
    put_list(t, detail, depth)
  else
    put_map(t, detail, depth)
  end
  leave(t)
end

-- A function crosses as a callback, named after the field it stands in.
local function put_function(fn, depth)
  if not functions then fail(depth, "a function cannot cross here") end
  local name = depth > 0 and path[depth] or "callback"
  if type(name) ~= "string" then name = "callback" end
  local id = P.callback_id(fn)
  put_ext(2, function()
    put_list_header(2)
    put_integer(id)
    put_text(name)
  end)
end

function put_value(value, depth)
  nodes = nodes + 1
  if nodes > P.limits.nodes then fail(depth, "more than " .. P.limits.nodes .. " values") end
  local kind = type(value)
  if kind == "string" then return put_string(value) end
  if kind == "nil" or rawequal(value, null) then return put("\xc0") end
  if kind == "boolean" then return put(value and "\xc3" or "\xc2") end
  if kind == "number" then
    if math_type(value) == "integer" then return put_integer(value) end
    return put(pack(">Bd", 0xcb, value))
  end
  if kind == "function" then return put_function(value, depth) end
  if kind ~= "table" then fail(depth, "a " .. kind .. " cannot cross") end
  local state = special[value]
  if not state then return put_table(value, depth) end
  if state.plain then return put_table(state.plain, depth) end
  if not state.encode then fail(depth, state.name .. " cannot cross") end
  return state.encode(state, depth)
end

-- What encoders of special objects (handles.lua, builders.lua) write with.
P.writer = {
  enter = enter,
  leave = leave,
  integer = put_integer,
  text = put_text,
  list_header = put_list_header,
  list = put_list,
  ext = put_ext,
  fail = fail,
  functions_allowed = function() return functions end,
}

local function begin(limit, allow_functions)
  out, count, size, nodes = {}, 0, 0, 0
  path, visiting = {}, {}
  max_bytes, functions = limit or P.limits.message_bytes, allow_functions
end

local function finish()
  local bytes = concat(out, "", 1, count)
  out, path, visiting = nil, nil, nil
  return bytes
end

-- Encode one value. Raises { conversion = true, path, message } or { …, too_large = true }.
function P.encode(value, limit)
  begin(limit, false)
  put_value(value, 0)
  return finish()
end

-- Encode a call: [target, method, [args…], invocation?]. On failure `path` is inside argument
-- `argument`.
function P.encode_call(target, method, args, n, invocation)
  begin(nil, true)
  put_list_header(invocation == 0 and 3 or 4)
  put_value(target, 0)
  put_text(method)
  put_list_header(n)
  for i = 1, n do
    P.encoding_argument = i
    put_value(args[i], 0)
  end
  if invocation ~= 0 then put_integer(invocation) end
  return finish()
end
