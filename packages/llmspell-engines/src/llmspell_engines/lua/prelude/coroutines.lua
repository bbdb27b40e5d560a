-- pcall, xpcall and coroutine.* as the script gets them. Two things differ from Lua's own:
-- a wait for the host passes through the script's coroutines unseen, and what must end the
-- run (out of memory, C stack overflow) cannot be caught.
local P = ...

local pcall, xpcall, raise, type, select = pcall, xpcall, error, type, select
local create, resume, yield, close = coroutine.create, coroutine.resume, coroutine.yield, coroutine.close
local status, running, is_yieldable = coroutine.status, coroutine.running, coroutine.isyieldable
local rawequal = rawequal
local HOST, roots = P.HOST, P.roots

-- Script coroutines whose host call is under way: nobody else may resume them.
local waiting = setmetatable({}, P.weak_keys)

local function raise_fatal(err)
  P.killed = P.killed or err
  raise(P.killed, 0)
end

local function caught(ok, ...)
  if not ok and P.is_fatal((...)) then raise_fatal((...)) end
  return ok, ...
end

local S = {}
P.catching = S

local located = P.located
local function handle(err) return located(err) end

function S.pcall(...)
  if select("#", ...) == 0 then raise("bad argument #1 to 'pcall' (value expected)", 2) end
  local fn = ...
  return caught(xpcall(fn, handle, select(2, ...)))
end

function S.xpcall(fn, handler, ...)
  if type(handler) ~= "function" then
    raise("bad argument #2 to 'xpcall' (function expected, got " .. type(handler) .. ")", 2)
  end
  local function guarded(err)
    if P.is_fatal(err) then return err end
    -- An error in the handler would call it again, until the C stack is full.
    local _, result = pcall(handler, located(err))
    return result
  end
  return caught(xpcall(fn, guarded, ...))
end

local C = {}
P.script_coroutine = C

local function check(co, name)
  if type(co) ~= "thread" then
    raise("bad argument #1 to '" .. name .. "' (coroutine expected, got " .. type(co) .. ")", 3)
  end
  return co
end

-- Resume, and as long as the coroutine waits for the host, wait for it in its place.
local relay
local function relayed(co, ok, mark, ...)
  if ok and rawequal(mark, HOST) then
    waiting[co] = true
    return relay(co, yield(HOST))
  end
  if not ok then
    if P.is_fatal(mark) then raise_fatal(mark) end
    mark = located(mark, co)
    P.keep_trace(mark, co)
  end
  return ok, mark, ...
end

local function unblock(was_blocked, ...)
  P.blocked = was_blocked
  return ...
end

function relay(co, ...)
  waiting[co] = nil
  local was_blocked = P.blocked
  if not is_yieldable() then P.blocked = true end
  return relayed(co, unblock(was_blocked, resume(co, ...)))
end

-- Say why a coroutine may not be resumed, or nil.
local function refused(co)
  if roots[co] or waiting[co] then return "cannot resume non-suspended coroutine" end
  return nil
end

function C.create(fn)
  if type(fn) ~= "function" then
    raise("bad argument #1 to 'create' (function expected)", 2)
  end
  return create(fn)
end

function C.resume(co, ...)
  local why = refused(check(co, "resume"))
  if why then return false, why end
  return relay(co, ...)
end

local function unwrapped(co, ok, ...)
  if ok then return ... end
  if status(co) ~= "normal" and status(co) ~= "running" then close(co) end
  raise((...), 0)
end

function C.wrap(fn)
  local co = C.create(fn)
  return function(...)
    local why = refused(co)
    if why then raise(why, 2) end
    return unwrapped(co, relay(co, ...))
  end
end

function C.yield(...)
  if roots[running()] then raise("attempt to yield from outside a coroutine", 2) end
  return yield(...)
end

function C.status(co)
  check(co, "status")
  if waiting[co] or (roots[co] and co ~= running()) then return "normal" end
  return status(co)
end

function C.running()
  local co = running()
  return co, roots[co] == true
end

function C.isyieldable()
  return not roots[running()] and is_yieldable()
end

function C.close(co)
  check(co, "close")
  if roots[co] or waiting[co] then raise("cannot close a coroutine that waits", 2) end
  return caught(close(co))
end
