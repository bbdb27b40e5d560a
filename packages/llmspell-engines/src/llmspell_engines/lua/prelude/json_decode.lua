-- json.decode. Maps keep the order of the text for `pairs`; a null at the top is nil, one
-- inside is `null`; an integer beyond 64 bits becomes a float, as in every JSON reader.
local P = ...

local find, sub, byte, char, match = string.find, string.sub, string.byte, string.char, string.match
local concat, utf8_char = table.concat, utf8.char
local type, rawget, raise, tonumber, tointeger = type, rawget, error, tonumber, math.tointeger
local null, json = P.null, P.json

local text, position

local function wrong(what)
  raise({ json = what .. " at byte " .. position }, 0)
end

local function skip() position = find(text, "[^ \t\r\n]", position) or #text + 1 end

local function unicode()
  local code = match(text, "^%x%x%x%x", position)
  if not code then wrong("a bad \\u escape") end
  position = position + 4
  return tonumber(code, 16)
end

local UNESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

local function read_escape()
  local c = sub(text, position, position)
  position = position + 1
  if c ~= "u" then
    return UNESCAPES[c] or wrong("a bad escape")
  end
  local code = unicode()
  if code >= 0xDC00 and code <= 0xDFFF then return "\u{FFFD}" end
  if code < 0xD800 or code > 0xDBFF then return utf8_char(code) end
  if sub(text, position, position + 1) ~= "\\u" then return "\u{FFFD}" end
  local before = position
  position = position + 2
  local low = unicode()
  if low < 0xDC00 or low > 0xDFFF then
    position = before
    return "\u{FFFD}"
  end
  return utf8_char(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00))
end

local function read_string()
  position = position + 1
  local pieces = {}
  while true do
    local stop_at = find(text, '["\\%c]', position)
    if not stop_at then wrong("a text without an end") end
    pieces[#pieces + 1] = sub(text, position, stop_at - 1)
    local c = byte(text, stop_at)
    position = stop_at + 1
    if c == 34 then return concat(pieces) end
    if c == 92 then
      pieces[#pieces + 1] = read_escape()
    elseif c == 127 then
      pieces[#pieces + 1] = "\127"
    else
      position = stop_at
      wrong("a control character in a text")
    end
  end
end

local function read_number()
  local whole = match(text, "^-?%d+", position)
  if not whole or find(whole, "^-?0%d") then wrong("a bad number") end
  local stop_at = position + #whole
  local tail = match(text, "^%.%d+", stop_at) or ""
  local power = match(text, "^[eE][+-]?%d+", stop_at + #tail) or ""
  position = stop_at + #tail + #power
  if tail == "" and power == "" then return tointeger(tonumber(whole)) or tonumber(whole) + 0.0 end
  return tonumber(whole .. tail .. power) + 0.0
end

local read

local function read_list(depth)
  local t, n = {}, 0
  position = position + 1
  skip()
  if byte(text, position) == 93 then
    position = position + 1
    return P.array(t)
  end
  while true do
    n = n + 1
    local value = read(depth + 1)
    if value == nil then value = null end
    t[n] = value
    skip()
    local c = byte(text, position)
    position = position + 1
    if c == 93 then return P.array(t) end
    if c ~= 44 then
      position = position - 1
      wrong("expected ',' or ']'")
    end
  end
end

local function read_map(depth)
  local t, keys = {}, {}
  position = position + 1
  skip()
  if byte(text, position) == 125 then
    position = position + 1
    return t
  end
  while true do
    skip()
    if byte(text, position) ~= 34 then wrong("expected a text as key") end
    local key = read_string()
    skip()
    if byte(text, position) ~= 58 then wrong("expected ':'") end
    position = position + 1
    local value = read(depth + 1)
    if value == nil then value = null end
    if rawget(t, key) == nil then keys[#keys + 1] = key end
    t[key] = value
    skip()
    local c = byte(text, position)
    position = position + 1
    if c == 125 then
      if #keys > 1 then P.orders[t] = keys end
      return t
    end
    if c ~= 44 then
      position = position - 1
      wrong("expected ',' or '}'")
    end
  end
end

local WORDS = { { "true", true }, { "false", false }, { "null", nil } }

function read(depth)
  if depth > P.limits.depth then wrong("nested deeper than " .. P.limits.depth .. " levels") end
  skip()
  local c = byte(text, position)
  if c == 123 then return read_map(depth) end
  if c == 91 then return read_list(depth) end
  if c == 34 then return read_string() end
  if c == 45 or (c and c >= 48 and c <= 57) then return read_number() end
  for i = 1, 3 do
    local word = WORDS[i][1]
    if sub(text, position, position + #word - 1) == word then
      position = position + #word
      return WORDS[i][2]
    end
  end
  return wrong(c and "unexpected '" .. P.text(char(c)) .. "'" or "unexpected end")
end

function json.decode(source)
  source = P.plain(source)
  if type(source) ~= "string" then
    raise("bad argument #1 to `json.decode`: expected text, got " .. type(source), 2)
  end
  text, position = source, 1
  local ok, value = pcall(function()
    local result = read(0)
    skip()
    if position <= #text then wrong("something after the value") end
    return result
  end)
  text = nil
  if ok then return value end
  if type(value) ~= "table" or not rawget(value, "json") then raise(value, 0) end
  P.fail("conversion", "json.decode: " .. value.json)
end
