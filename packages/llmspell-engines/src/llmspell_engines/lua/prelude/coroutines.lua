-- pcall, xpcall and coroutine.* as the script gets them. Two things differ from Lua's own:
-- a wait for the host passes through the script's coroutines unseen, and what must end the
-- run (out of memory, C stack overflow) cannot be caught.
local P = ...

local xpcall, raise, type, select, rawset = xpcall, error, type, select, rawset
local create, resume, yield, close = coroutine.create, coroutine.resume, coroutine.yield, coroutine.close
local status, running, is_yieldable = coroutine.status, coroutine.running, coroutine.isyieldable
local next, rawequal, rawget, getmetatable = next, rawequal, rawget, debug.getmetatable
local getinfo, getlocal = debug.getinfo, debug.getlocal
local HOST, roots = P.HOST, P.roots

-- Frames looked at: getinfo walks down to its level, so that a full stack would take its square.
local SEARCHED = 200

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

-- A `__close` of the script's is not run for an error that ends the run: it could call, loop, or
-- raise another one. `handle` holds for those put into a metatable that is in use already.
local closers = setmetatable({}, P.weak_keys) -- guarded functions
local metas = setmetatable({}, P.weak_keys)   -- metatables in use
function P.guard_close(meta)
  if not metas[meta] then metas[meta] = true end
  local close = rawget(meta, "__close")
  if close == nil or closers[close] then return end
  local function guarded(value, err)
    if err ~= nil and P.is_fatal(err) then
      P.killed = P.killed or err
      return
    end
    close(value, err)
  end
  closers[guarded] = true
  rawset(meta, "__close", guarded)
end

local function has_unguarded()
  for meta in next, metas do
    local close = rawget(meta, "__close")
    if close ~= nil and not closers[close] then return true end
  end
  return false
end

-- Lua calls no handler when memory runs out, but it does run `__close`, and an error in there
-- takes the place of the first one. That one lies on top of the frame of the protected call which
-- unwinds, above the value being closed; below are the call's own three slots and its function.
-- Where that call is too far down to be looked at, an error that may hide another ends the run.
local function ends_the_run(raised)
  for level = 3, SEARCHED do
    local info = getinfo(level, "f")
    if not info then return nil end
    if info.func == xpcall then
      local top = 3
      while getlocal(level, top + 1) do top = top + 1 end
      if top < 6 then return nil end
      local _, closed = getlocal(level, top - 1)
      local _, err = getlocal(level, top)
      local meta = getmetatable(closed)
      return meta and rawget(meta, "__close") ~= nil and P.is_fatal(err) and err or nil
    end
  end
  return has_unguarded() and (raised or "error") or nil
end

local located = P.located
local function handle(err)
  P.killed = P.killed or ends_the_run(err) or false
  return located(err)
end

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
    P.killed = P.killed or ends_the_run(err) or false
    if P.is_fatal(err) then return err end
    -- An error in the handler would call it again, until the C stack is full.
    local _, result = xpcall(handler, handle, located(err))
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
  if status(co) ~= "normal" and status(co) ~= "running" then caught(close(co)) end
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
