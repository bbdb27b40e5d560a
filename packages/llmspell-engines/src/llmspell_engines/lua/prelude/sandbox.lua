-- The environment of the script: a table of its own. The real _G stays untouched for lupa,
-- which looks up `debug` in it, unprotected, at every call.
local P = ...

local type, select, raise, pcall = type, select, error, pcall
local raw_load, raw_setmetatable, raw_getmetatable = load, setmetatable, debug.getmetatable
local find, gsub, rep, sub = string.find, string.gsub, string.rep, string.sub
local plain, takes_text = P.plain, P.takes_text

local LENGTH = 1 << 27 -- more items than any table the memory limit allows

local E = {}
P.script_env = E

-- A library as its own table, so that a script patches only its copy.
local function copy(library, without)
  local result = {}
  for name, value in next, library do
    if not (without and without[name]) then result[name] = value end
  end
  return result
end

-- ---- string, utf8, table -------------------------------------------------------------------

local S = copy(string, { dump = true })
for _, name in ipairs { "byte", "find", "gmatch", "gsub", "len", "lower", "match", "reverse",
                        "sub", "unpack", "upper" } do
  S[name] = takes_text(string[name], name)
end

-- ('').rep with a huge count loops in C, where nothing stops it but the end of the process.
local fn = rep -- messages name it: see P.located
P.wrapped[rep] = "rep"
function S.rep(s, n, separator)
  s, separator = plain(s), plain(separator)
  if s == "" and (separator == nil or separator == "") then return "" end
  return fn(s, n, separator)
end

-- %s takes any value without showing an address; %p shows one and is refused.
function S.format(pattern, ...)
  pattern = plain(pattern)
  if type(pattern) == "string" and find(gsub(pattern, "%%%%", ""), "%%[^%a]*p") then
    raise("invalid conversion '%p' to 'format': addresses are not shown", 2)
  end
  local args = { ... }
  local n = select("#", ...)
  for i = 1, n do
    local kind = type(args[i])
    if kind == "table" or kind == "function" or kind == "thread" then args[i] = P.tostring(args[i]) end
  end
  return string.format(pattern, table.unpack(args, 1, n))
end

P.script_string = S
local string_meta = raw_getmetatable("")
string_meta.__index = S
string_meta.__metatable = false

local U = copy(utf8)
for _, name in ipairs { "codepoint", "codes", "len", "offset" } do U[name] = takes_text(utf8[name], name) end

-- C loops over what `__len` says: refuse what cannot be true.
local function bounded(fn, name)
  P.wrapped[fn] = name
  return function(t, ...)
    local meta = raw_getmetatable(t)
    if meta and rawget(meta, "__len") and type(t) == "table" then
      local n = #t
      if math.type(n) ~= "integer" or n > LENGTH then
        raise("bad argument #1 to '" .. name .. "' (its length is not credible)", 2)
      end
    end
    return fn(t, ...)
  end
end

local T = copy(table)
for _, name in ipairs { "insert", "remove", "sort", "unpack" } do T[name] = bounded(table[name], name) end

function T.move(from, first, last, to, target)
  if math.type(first) == "integer" and math.type(last) == "integer" and last - first > LENGTH then
    raise("too many elements to move", 2)
  end
  return table.move(from, first, last, to, target or from)
end

local concat = bounded(table.concat, "concat")
function T.concat(t, separator, ...)
  local texts
  if type(t) == "table" and raw_getmetatable(t) == nil then
    for i = 1, rawlen(t) do
      if P.is_record(t[i]) then
        texts = texts or table.move(t, 1, rawlen(t), 1, {})
        texts[i] = plain(t[i])
      end
    end
  end
  return concat(texts or t, plain(separator), ...)
end

-- ---- load, require, metatables -------------------------------------------------------------

-- Chunks are text, never bytecode: mutated bytecode crashes the process.
local function collect(reader)
  local pieces = {}
  while true do
    local piece = plain(reader())
    if piece == nil or piece == "" then return table.concat(pieces) end
    if type(piece) ~= "string" then raise("reader function must return a string", 3) end
    pieces[#pieces + 1] = piece
  end
end

function E.load(chunk, name, mode, ...)
  chunk, name, mode = plain(chunk), plain(name), plain(mode)
  if type(chunk) == "function" then
    chunk, name = collect(chunk), name or "=(load)"
  elseif type(chunk) ~= "string" then
    raise("bad argument #1 to 'load' (text or function expected, got " .. type(chunk) .. ")", 2)
  end
  if name == nil then name = chunk end
  if type(name) ~= "string" then raise("bad argument #2 to 'load' (text expected)", 2) end
  if type(mode) == "string" and not find(mode, "t", 1, true) then
    return nil, "attempt to load a text chunk (mode is '" .. mode .. "')"
  end
  if sub(name, 1, 9) == "=llmspell" then name = "=(load)" end -- our frames are left out of tracebacks
  local env = E
  if select("#", ...) > 0 then env = (...) end
  local fn, message = raw_load(chunk, name, "t", env)
  if message == "not enough memory" then raise(message, 0) end
  return fn, message
end

-- A finalizer can loop while the process frees the engine, where nothing can stop it.
function E.setmetatable(t, meta)
  if type(meta) == "table" and rawget(meta, "__gc") ~= nil then
    raise("a metatable with __gc is refused: close resources with <close> variables", 2)
  end
  if type(meta) == "table" then P.guard_close(meta) end
  return raw_setmetatable(t, meta)
end

function E.collectgarbage(option)
  if option == nil or option == "collect" or option == "step" then
    collectgarbage()
    return 0
  end
  if option == "count" then return collectgarbage("count") end
  raise("bad argument #1 to 'collectgarbage' (only \"collect\" and \"count\" are available)", 2)
end

-- Make source text loadable: without the mark of UTF-8 and the line of the shell, whose
-- line end stays, so that line numbers do.
local function prepared(source)
  source = gsub(source, "^\xEF\xBB\xBF", "", 1)
  if sub(source, 1, 1) == "#" then source = gsub(source, "^[^\r\n]*", "", 1) end
  return source
end

-- Compile a chunk of the user's; returns the function, or nil and an error record.
function P.compile(name, source)
  -- Under a pcall: the parser's own overflow would reach the traceback handler of lupa.
  local ok, chunk, message = pcall(raw_load, prepared(source), P.chunk_name(name), "t", E)
  if ok and chunk then return chunk end
  message = ok and message or chunk
  if message == "not enough memory" then return nil, P.error_record(message) end
  return nil, P.syntax_error(message, name)
end

local loaded, loading = {}, {}

function E.require(name)
  name = plain(name)
  if type(name) ~= "string" then
    raise("bad argument #1 to 'require' (text expected, got " .. type(name) .. ")", 2)
  end
  if loaded[name] then return loaded[name].value end
  local include = rawget(P.includes, name)
  if not include then
    raise("module '" .. name .. "' is not among the files found before the start: `require` takes"
      .. " a literal name of a file of the project", 2)
  end
  if include.error then raise(include.error, 2) end
  if loading[name] then
    loading[#loading + 1] = name
    raise("modules require each other: " .. table.concat(loading, " -> "), 2)
  end
  loading[name] = true
  loading[#loading + 1] = name
  local ok, value = P.catching.pcall(include.chunk, name, include.name)
  loading[name] = nil
  loading[#loading] = nil
  if not ok then raise(value, 0) end
  if value == nil then value = true end
  loaded[name] = { value = value }
  return value
end

-- ---- the globals ---------------------------------------------------------------------------

for _, name in ipairs { "assert", "error", "getmetatable", "ipairs", "next", "rawequal",
                        "rawget", "rawlen", "rawset", "select", "type", "_VERSION" } do
  E[name] = _G[name]
end
E._G = E
E.pcall, E.xpcall = P.catching.pcall, P.catching.xpcall
E.pairs, E.tostring, E.print = P.pairs, P.tostring, P.print
E.tonumber = takes_text(tonumber, "tonumber")
E.string, E.utf8, E.table = S, U, T
E.coroutine, E.console, E.os = P.script_coroutine, P.console, P.os
E.json, E.util, E.async = P.noting("json", P.json), P.noting("util", P.util), P.noting("async", P.async)
E.null, E.array = P.null, P.array

E.math = copy(math)
for name, fn in next, P.more_math do E.math[name] = fn end
-- Without a seed Lua takes one from the clock and an address.
function E.math.randomseed(...)
  if select("#", ...) == 0 then return math.randomseed(P.random_seed) end
  return math.randomseed(...)
end
