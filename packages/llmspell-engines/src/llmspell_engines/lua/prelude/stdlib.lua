-- What a script finds besides Lua's own: console, util, more of math, os without the system,
-- and tostring without addresses.
local P = ...

local type, select, raise, setmetatable, rawget = type, select, error, setmetatable, rawget
local raw_tostring, getmetatable, math_type = tostring, debug.getmetatable, math.type
local format, concat, find, gsub = string.format, table.concat, string.find, string.gsub
local floor = math.floor

-- ---- text of values ------------------------------------------------------------------------

-- Objects are numbered as they are first shown: an address would differ from run to run and
-- tell an attacker the layout of memory.
local numbers, last_number = setmetatable({}, P.weak_keys), 0
function P.identity(value)
  local meta = getmetatable(value)
  local name = meta and rawget(meta, "__name")
  if type(name) ~= "string" then name = type(value) end
  local number = numbers[value]
  if not number then
    last_number = last_number + 1
    number = last_number
    numbers[value] = number
  end
  return format("%s: 0x%08x", name, number)
end

function P.tostring(...)
  if select("#", ...) == 0 then raise("bad argument #1 to 'tostring' (value expected)", 2) end
  local value = ...
  local kind = type(value)
  if kind == "string" then return value end
  if kind == "number" then
    if value ~= value then return "nan" end
    return raw_tostring(value)
  end
  if kind == "nil" or kind == "boolean" then return raw_tostring(value) end
  local meta = getmetatable(value)
  local handler = meta and rawget(meta, "__tostring")
  if handler then
    local text = handler(value)
    if type(text) == "number" then text = raw_tostring(text) end
    if type(text) ~= "string" then raise("'__tostring' must return a string", 2) end
    return text
  end
  return P.identity(value)
end

-- ---- console -------------------------------------------------------------------------------

-- Send a log. It is written through: the task goes on once the log has left, except where it
-- cannot wait (`quiet`, a sort comparison, …); then it leaves at the next opportunity.
function P.log(level, text, quiet)
  if #text > P.limits.message_bytes - 64 then
    P.killed = P.new_error {
      kind = "limit",
      message = "a log of " .. #text .. " bytes is more than the " .. P.limits.message_bytes .. " allowed",
      details = { limit = "log", value = P.limits.message_bytes },
    }
    raise(P.killed, 0)
  end
  P.send(P.KIND.LOG, 0, P.encode({ level, P.text(text) }))
  if not quiet and P.can_park() then P.flush() end
end

local function shown(value)
  if type(value) == "string" then return value end
  if value == nil or rawequal(value, P.null) then return "null" end
  if type(value) ~= "table" then return P.tostring(value) end
  local meta = getmetatable(value)
  local state = P.special[value]
  if meta and rawget(meta, "__tostring") or state and not state.plain then return P.tostring(value) end
  return P.display(value)
end

local function joined(separator, show, ...)
  local parts = { ... }
  for i = 1, select("#", ...) do parts[i] = show(parts[i]) end
  return concat(parts, separator)
end

local console = {}
P.console = console
for _, level in ipairs { "log", "info", "warn", "error", "debug", "write" } do
  console[level] = function(...) P.log(level, joined(" ", shown, ...)) end
end

-- Standard input, line by line: `for line in console.lines() do`.
console.lines = P.bridge_method("runtime", "lines")

function P.print(...) P.log("log", joined("\t", P.tostring, ...)) end

-- ---- time, random, util --------------------------------------------------------------------

P.elapsed_ms, P.start_ms = 0, 0
local function now_ms() return P.start_ms + P.elapsed_ms end

-- splitmix64 (Steele, Lea, Flood 2014), apart from math.random, which a script may reseed.
local uuid_state = 0
local function next_random()
  uuid_state = uuid_state + 0x9E3779B97F4A7C15
  local z = uuid_state
  z = (z ~ (z >> 30)) * 0xBF58476D1CE4E5B9
  z = (z ~ (z >> 27)) * 0x94D049BB133111EB
  return z ~ (z >> 31)
end

function P.seed(seed)
  math.randomseed(seed)
  uuid_state = seed
end

local util = { base64 = P.base64, hash = P.hash, now = now_ms }
P.util = util

function util.uuid()
  local high = next_random() & ~0xf000 | 0x4000                       -- version 4
  local low = next_random() & 0x3fffffffffffffff | (1 << 63)          -- variant 1
  return format("%08x-%04x-%04x-%04x-%012x", high >> 32, high >> 16 & 0xffff, high & 0xffff,
    low >> 48, low & 0xffffffffffff)
end

function util.sleep(ms)
  if type(ms) ~= "number" or not (ms >= 0) then
    raise("bad argument #1 to `util.sleep`: expected milliseconds, at least 0", 2)
  end
  local whole = math.tointeger(ms) or math.tointeger(math.ceil(ms))
  if not whole then raise("bad argument #1 to `util.sleep`: too many milliseconds", 2) end
  P.call("runtime", "sleep", { whole }, 1, "util.sleep")
end

-- The host's, of the package llmspell-bridges: it has the policy, and a function of the script.
function util.retry(...)
  local args = table.pack(...)
  local value = P.call("util", "retry", args, args.n, "util.retry")
  return value
end

-- ---- math ----------------------------------------------------------------------------------

local exp, log = math.exp, math.log
P.more_math = {
  pow = function(x, y) return x ^ y end,
  log2 = function(x) return log(x, 2) end,
  log10 = function(x) return log(x, 10) end,
  cbrt = function(x) return x < 0 and -P.cube_root(-x) or x == 0 and 0.0 or P.cube_root(x) end,
  hypot = function(x, y) return (x * x + y * y) ^ 0.5 end,
  atan2 = function(y, x) return math.atan(y, x) end,
  sinh = function(x) return (exp(x) - exp(-x)) / 2 end,
  cosh = function(x) return (exp(x) + exp(-x)) / 2 end,
  tanh = function(x) return 1 - 2 / (exp(2 * x) + 1) end,
  sign = function(x) return x > 0 and 1 or x < 0 and -1 or 0 end,
  trunc = function(x) return x < 0 and math.ceil(x) or floor(x) end,
  round = function(x) return floor(x + 0.5) end,
  clamp = function(x, low, high) return math.max(low, math.min(high, x)) end,
}

-- ---- os ------------------------------------------------------------------------------------

-- Days from 1970-01-01 in the Gregorian calendar (Hinnant, "chrono-compatible algorithms").
local function days(year, month, day)
  year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
  if month <= 2 then year = year - 1 end
  local era = year // 400
  local year_of_era = year - era * 400
  local day_of_year = (153 * (month + (month > 2 and -3 or 9)) + 2) // 5 + day - 1
  return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468
end

local function field(t, name, default)
  local value = t[name]
  if value == nil then value = default end
  local whole = math.tointeger(value)
  if not whole then
    raise("field '" .. name .. "' " .. (value == nil and "missing" or "not an integer") .. " in date table", 3)
  end
  return whole
end

-- Time is the run's own clock, and dates are UTC: a run depends on nothing of its machine.
P.os = {
  time = function(t)
    if t == nil then return now_ms() // 1000 end
    local date = days(field(t, "year"), field(t, "month"), field(t, "day"))
    return date * 86400 + field(t, "hour", 12) * 3600 + field(t, "min", 0) * 60 + field(t, "sec", 0)
  end,
  clock = function() return P.elapsed_ms / 1000 end,
  date = function(pattern, time)
    pattern = gsub(pattern == nil and "%c" or P.plain(pattern), "^!", "")
    return os.date("!" .. pattern, time == nil and now_ms() // 1000 or time)
  end,
  difftime = function(later, earlier) return later - (earlier or 0) + 0.0 end,
  getenv = function(name) return P.env[name] end,
}

-- The granted variables; reading another one says once how to grant it. `permitted` is true, or
-- the names that were granted whether they are set or not.
function P.new_env(granted, permitted)
  local warned = {}
  for _, name in ipairs(type(permitted) == "table" and permitted or {}) do warned[name] = true end
  -- an empty table in front: assigning to a name that is there would call no `__newindex`
  local env
  env = setmetatable({}, {
    __name = "env",
    __metatable = false,
    __index = function(_, name)
      local value = rawget(granted, name)
      if value ~= nil then return value end
      if type(name) ~= "string" or permitted == true or warned[name] then return nil end
      warned[name] = true
      P.log("warn", "env." .. name .. " is not granted; allow it with --allow-env=" .. name)
      return nil
    end,
    __newindex = function() raise("env cannot be changed", 2) end,
    __pairs = function()
      local iterator = P.raw_pairs(granted)
      return iterator, env, nil
    end,
  })
  P.special[env] = { plain = granted, name = "env" }
  return env
end
