-- Text records: a text with named fields, such as an agent's answer. It behaves as a
-- string where a string is wanted, and as a table where a field is.
local P = ...

local getmetatable, rawget, rawequal, type = debug.getmetatable, rawget, rawequal, type

local meta = { __name = "text", __metatable = false }

-- Its text; a script that replaced `content` by something else has an empty text.
local function content(record)
  local value = rawget(record, "content")
  return type(value) == "string" and value or ""
end

local function is_record(value) return type(value) == "table" and rawequal(getmetatable(value), meta) end

-- A record as its text, anything else as it is.
local function plain(value)
  if is_record(value) then return content(value) end
  return value
end

P.content, P.is_record, P.plain = content, is_record, plain

-- Make a text record from its decoded fields.
function P.new_record(fields) return setmetatable(fields, meta) end

-- Its own fields come first (they are raw), then the string functions.
function meta.__index(_, name) return P.script_string[name] end
meta.__tostring = content
function meta.__len(record) return #content(record) end
function meta.__concat(left, right)
  left, right = plain(left), plain(right)
  if P.is_error(left) then left = P.tostring(left) end
  if P.is_error(right) then right = P.tostring(right) end
  return left .. right
end
function meta.__lt(left, right) return plain(left) < plain(right) end
function meta.__le(left, right) return plain(left) <= plain(right) end

-- Let a function of strings, or one of the prelude's that checks as little, take records
-- for its first three arguments; `name` is what messages call it.
function P.takes_text(fn, name)
  P.wrapped[fn] = name
  return function(a, b, c, ...)
    if type(a) == "table" then a = plain(a) end
    if type(b) == "table" then b = plain(b) end
    if type(c) == "table" then c = plain(c) end
    return fn(a, b, c, ...)
  end
end
