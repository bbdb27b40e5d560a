-- Errors as the script sees them (tables with kind, message, …) and as the host gets them
-- (records with a traceback in the user's own line numbers).
local P = ...

local getinfo, getmetatable = debug.getinfo, debug.getmetatable
local find, match, sub, gsub = string.find, string.match, string.sub, string.gsub
local type, rawget, rawequal, setmetatable = type, rawget, rawequal, setmetatable
local raise = error

local MESSAGE_BYTES = 65536
local FRAMES = 30

-- Error table -> { frames = …, ref = … }: kept aside, so that a script cannot forge them.
local traces = setmetatable({}, P.weak_keys)
-- The newest text error that left a coroutine or a task, with the frames it had there.
local travelling = {}

-- Chunk names as Lua shows them -> as the user knows them.
local shown = {}
local chunk_count = 0

-- Register a chunk and return the name to load it under. Lua cuts names over 59 bytes and
-- ends them at a NUL, so such names travel as a short one.
function P.chunk_name(name)
  local id = name
  if #name > 55 or find(name, "%c") then
    chunk_count = chunk_count + 1
    local tail = gsub(match(name, "[^/\\]*$"), "%c", "?")
    id = "~" .. chunk_count .. "/" .. sub(tail, -40)
  end
  shown[id] = name
  return "@" .. id
end

-- Make bytes into text that is valid UTF-8 and not longer than `limit`.
local function text(bytes, limit)
  if limit and #bytes > limit then
    local cut = limit
    while cut > 0 and find(bytes, "^[\128-\191]", cut + 1) do cut = cut - 1 end
    bytes = sub(bytes, 1, cut) .. "…"
  end
  if utf8.len(bytes) then return bytes end
  local parts, position = {}, 1
  while position <= #bytes do
    local _, bad = utf8.len(bytes, position)
    if not bad then break end
    parts[#parts + 1] = sub(bytes, position, bad - 1)
    parts[#parts + 1] = "\u{FFFD}"
    position = bad + 1
  end
  parts[#parts + 1] = sub(bytes, position)
  return table.concat(parts)
end
P.text = text

-- Split "name.lua:3: what" into what, name, line, when the name is one of the user's chunks.
local function split(message)
  local start = 1
  while true do
    local colon = find(message, ":", start, true)
    if not colon then return message end
    local name = shown[sub(message, 1, colon - 1)]
    if name then
      local line, stop = match(message, "^(%d+): ()", colon + 1)
      if line then return sub(message, stop), name, math.tointeger(tonumber(line)) end
    end
    if colon > 60 then return message end
    start = colon + 1
  end
end

-- Turn one getinfo record into a frame, or nil when it is not the user's code.
local function frame_of(info)
  if info.what == "C" or sub(info.source, 1, 9) == "=llmspell" then return nil end
  local name = shown[info.short_src] or info.short_src
  local frame = { name = text(name), line = info.currentline }
  if info.what ~= "main" and info.name then frame["function"] = text(info.name, 200) end
  return frame
end

-- The user's frames of a coroutine (nil: the running one), innermost first.
-- `return llm.complete()` is a tail call: its frame is gone, and only the place where the
-- method was fetched (P.fetched, see bridges.lua) still tells the line.
function P.frames(co)
  local frames, level = {}, co and 0 or 2
  while #frames < FRAMES and level < 4 * FRAMES do
    local info
    if co then info = getinfo(co, level, "Slntf") else info = getinfo(level, "Slntf") end
    if not info then break end
    local frame = frame_of(info)
    if not frame and info.istailcall then frame = P.fetch_site(info.func) end
    frames[#frames + 1] = frame
    level = level + 1
  end
  return frames
end
P.frame_of = frame_of

-- Functions of C that the prelude wraps -> the name a script calls them by.
local wrapped = setmetatable({}, P.weak_keys)
P.wrapped = wrapped

-- A mistake in the arguments of a wrapped function is raised in the prelude's own line: give
-- the message the user's line instead. `co` is the dead coroutine, nil the running one.
function P.located(err, co)
  if type(err) ~= "string" then return err end
  local own = match(err, "^llmspell/[%w_]+%.lua:%d+: ()")
  if not own then return err end
  local message, level = sub(err, own), co and 0 or 2
  -- Bounded: getinfo walks down to its level, so that a full stack would take its square.
  while level < 2 * FRAMES do
    local info
    if co then info = getinfo(co, level, "Slf") else info = getinfo(level, "Slf") end
    if not info then return message end
    if wrapped[info.func] then
      message = gsub(message, "to 'fn'", "to '" .. wrapped[info.func] .. "'", 1)
    elseif frame_of(info) then
      return info.short_src .. ":" .. info.currentline .. ": " .. message
    end
    level = level + 1
  end
  return message
end

local meta = { __name = "error", __metatable = false }
function meta.__tostring(err)
  local kind, message = rawget(err, "kind"), rawget(err, "message")
  if type(message) ~= "string" then message = "unknown error" end
  if kind == "runtime" or type(kind) ~= "string" then return message end
  return gsub(kind, "_", " ") .. " error: " .. message
end
function meta.__concat(left, right) return P.tostring(left) .. P.tostring(right) end

function P.is_error(value) return type(value) == "table" and rawequal(getmetatable(value), meta) end

local function present(value)
  if rawequal(value, P.null) then return nil end
  return value
end

-- Make the error value a script catches. `record` has the fields of an error record.
function P.new_error(record)
  local err = setmetatable({
    kind = record.kind or "internal",
    message = record.message or "unknown error",
    retryable = record.retryable == true,
    bridge = present(record.bridge),
    method = present(record.method),
    details = present(record.details),
  }, meta)
  traces[err] = { ref = record.ref, frames = record.traceback or P.frames() }
  return err
end

-- Raise an error of the prelude's own in the script. Never `return P.fail(…)`: a tail call
-- would take the caller's frame, and with it the user's line.
function P.fail(kind, message, details)
  raise(P.new_error { kind = kind, message = message, details = details }, 0)
end

-- Remember the frames of an error that leaves the coroutine `co`.
function P.keep_trace(err, co)
  if P.is_error(err) or type(err) ~= "string" then return end
  local frames = P.frames(co)
  if travelling.message and rawequal(travelling.message, err) then
    table.move(frames, 1, #frames, #travelling.frames + 1, travelling.frames)
  else
    travelling = { message = err, frames = frames }
  end
end

-- The error record of a syntax error, from the message `load` gives.
function P.syntax_error(message, name)
  local what, where, line = split(message)
  local frames = { { name = text(where or name), line = line or 1 } }
  return { kind = "syntax", message = text(what, MESSAGE_BYTES), traceback = frames }
end

-- Say whether an error must end the run, whatever the script catches.
function P.is_fatal(err)
  if P.killed then return true end
  if type(err) ~= "string" then return false end
  return err == "not enough memory"
    or err == "error in error handling"
    or find(err, "C stack overflow", 1, true) ~= nil
end

local function text_record(err, co)
  local message, name, line = split(err)
  local frames = travelling.message == err and travelling.frames or P.frames(co)
  local first = frames[1]
  if name and not (first and first.name == name and first.line == line) then
    table.insert(frames, 1, { name = text(name), line = line })
  end
  return { kind = "runtime", message = text(message, MESSAGE_BYTES), traceback = P.array(frames) }
end

local function own_record(err, co)
  local trace = traces[err] or { frames = P.frames(co) }
  local function field(name, kind)
    local value = rawget(err, name)
    if type(value) == kind then return kind == "string" and text(value, MESSAGE_BYTES) or value end
  end
  local details = field("details", "table")
  if details and not pcall(P.encode, details) then details = nil end
  return {
    kind = field("kind", "string") or "runtime",
    message = field("message", "string") or "unknown error",
    retryable = field("retryable", "boolean"),
    bridge = field("bridge", "string"),
    method = field("method", "string"),
    details = details,
    ref = trace.ref,
    traceback = P.array(trace.frames),
  }
end

-- Make the record that crosses from whatever was raised; `co` is the dead coroutine.
function P.error_record(err, co)
  if P.is_record(err) then err = P.content(err) end
  if err == "not enough memory" then
    return {
      kind = "limit",
      message = "the spell used more memory than it may",
      details = { limit = "memory" },
      traceback = P.array(P.frames(co)),
    }
  end
  if type(err) == "string" then return text_record(err, co) end
  if P.is_error(err) then return own_record(err, co) end
  local record = {
    kind = "runtime",
    message = "uncaught error value",
    traceback = P.array(P.frames(co)),
  }
  local value = err
  if value == nil then value = P.null end
  if pcall(P.encode, value) then record.details = { value = value } end
  return record
end
