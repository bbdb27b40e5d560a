-- json.encode, and the JSON-like text in which console.* shows values.
local P = ...

local type, rawget, rawequal, math_type, tostring = type, rawget, rawequal, math.type, tostring
local format, gsub, find, byte, rep = string.format, string.gsub, string.find, string.byte, string.rep
local concat, utf8_len = table.concat, utf8.len
local raise, tonumber = error, tonumber
local null, special = P.null, P.special

local ESCAPES = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f",
  ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
}
local function escape(c) return ESCAPES[c] or format("\\u%04x", byte(c)) end
local function quote(s) return '"' .. gsub(s, '[%c"\\\127]', escape) .. '"' end
P.quote = quote

-- The shortest decimal text that reads back as the same float.
local function float_text(x)
  local text
  for digits = 15, 17 do
    text = format("%." .. digits .. "g", x)
    if tonumber(text) == x then break end
  end
  if not find(text, "[%.eEn]") then text = text .. ".0" end
  return text
end

-- ---- writing -------------------------------------------------------------------------------

-- One writing under way: parts, bounds, indent, and `lenient` for console.*, which shows
-- what JSON cannot say instead of failing.
local parts, nodes, visiting, indent, lenient

local function stop(what) raise({ json = what }, 0) end

local function add(text) parts[#parts + 1] = text end

local write

local function new_line(depth)
  if indent then add("\n" .. rep(indent, depth)) end
end

local function write_items(count, open, close, depth, item)
  if count == 0 then return add(open .. close) end
  add(open)
  for i = 1, count do
    if i > 1 then add(",") end
    new_line(depth + 1)
    item(i)
  end
  new_line(depth)
  add(close)
end

local function write_map(t, keys, depth)
  write_items(#keys, "{", "}", depth, function(i)
    local key = keys[i]
    if not lenient and not utf8_len(key) then stop("a key that is not valid UTF-8") end
    add(quote(key))
    add(indent and ": " or ":")
    write(rawget(t, key), depth + 1)
  end)
end

-- A table that is neither list nor map, for the eyes: all keys, in the order of `pairs`.
local function write_mixed(t, depth)
  local keys = {}
  for key in P.raw_pairs(t) do keys[#keys + 1] = key end
  write_items(#keys, "{", "}", depth, function(i)
    local key = keys[i]
    local kind = type(key)
    if kind == "string" then
      add(quote(key))
    elseif kind == "number" or kind == "boolean" then
      add("[" .. P.tostring(key) .. "]")
    else
      -- by its identity: a `__tostring` of the script's could begin another text meanwhile
      add("[" .. P.identity(key) .. "]")
    end
    add(":")
    write(rawget(t, key), depth + 1)
  end)
end

local function write_table(t, depth)
  if P.is_record(t) then return write(P.content(t), depth) end
  local state = special[t]
  if state and state.plain then
    t = state.plain
  elseif state then
    if lenient then return add("<" .. P.tostring(t) .. ">") end
    stop(state.name .. " has no JSON")
  end
  if P.is_error(t) and lenient then return add(quote(P.tostring(t))) end
  if visiting[t] then
    if lenient then return add("<cycle>") end
    stop("a table that contains itself")
  end
  if depth >= P.limits.depth then
    if lenient then return add("<…>") end
    stop("nested deeper than " .. P.limits.depth .. " levels")
  end
  visiting[t] = true
  local shape, detail = P.shape(t)
  if shape == "list" then
    write_items(detail, "[", "]", depth, function(i) write(rawget(t, i), depth + 1) end)
  elseif shape == "map" then
    write_map(t, detail, depth)
  elseif lenient then
    write_mixed(t, depth)
  else
    stop(detail)
  end
  visiting[t] = nil
end

function write(value, depth)
  nodes = nodes + 1
  if nodes > P.limits.nodes then stop("more than " .. P.limits.nodes .. " values") end
  local kind = type(value)
  if kind == "nil" or rawequal(value, null) then return add("null") end
  if kind == "boolean" then return add(value and "true" or "false") end
  if kind == "string" then
    if not lenient and not utf8_len(value) then stop("a text that is not valid UTF-8") end
    return add(quote(value))
  end
  if kind == "number" then
    if math_type(value) == "integer" then return add(format("%d", value)) end
    if value - value == 0 then return add(float_text(value)) end
    if not lenient then stop("the number " .. tostring(value)) end
    return add(P.tostring(value))
  end
  if kind == "table" then return write_table(value, depth) end
  if not lenient then stop("a " .. kind .. " has no JSON") end
  add("<" .. kind .. ">")
end

local function write_all(value, tab, for_eyes)
  parts, nodes, visiting, indent, lenient = {}, 0, {}, tab, for_eyes
  local ok, err = pcall(write, value, 0)
  local text = ok and concat(parts)
  parts, visiting = nil, nil
  if ok then return text end
  if type(err) == "table" and rawget(err, "json") then return nil, err.json end
  raise(err, 0)
end

-- A value as console.* shows it.
function P.display(value)
  local text, problem = write_all(value, nil, true)
  return text or "<" .. problem .. ">"
end

local json = { null = null }
P.json = json

function json.encode(value, options)
  local tab
  local wanted = type(options) == "table" and rawget(options, "indent") or nil
  if math_type(wanted) == "integer" and wanted > 0 and wanted <= 16 then tab = rep(" ", wanted) end
  if wanted and not tab then
    raise("bad option `indent` to `json.encode`: expected 1 to 16 spaces", 2)
  end
  local text, problem = write_all(value, tab, false)
  if not text then P.fail("conversion", "json.encode: cannot encode " .. problem) end
  return text
end
