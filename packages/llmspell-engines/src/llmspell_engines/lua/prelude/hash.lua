-- util.hash and util.base64 in plain Lua integers: sha256 (FIPS 180-4), sha1 (FIPS 180-4),
-- md5 (RFC 1321), base64 (RFC 4648).
local P = ...

local unpack, pack, byte, char, sub, rep, gsub, find =
  string.unpack, string.pack, string.byte, string.char, string.sub, string.rep, string.gsub, string.find
local concat, format = table.concat, string.format
local MASK = 0xffffffff

local function rotate_right(x, n) return ((x >> n) | (x << (32 - n))) & MASK end
local function rotate_left(x, n) return ((x << n) | (x >> (32 - n))) & MASK end

-- The message with its padding; `length_format` packs the length in bits.
local function padded(s, length_format)
  return s .. "\x80" .. rep("\0", (55 - #s) % 64) .. pack(length_format, #s * 8)
end

-- The first 32 bits of the fractional part of x.
local function fraction(x) return math.floor((x % 1) * 4294967296.0) end

local primes = {}
do
  local candidate = 2
  while #primes < 64 do
    local prime = true
    for i = 1, #primes do
      if candidate % primes[i] == 0 then prime = false break end
    end
    if prime then primes[#primes + 1] = candidate end
    candidate = candidate + 1
  end
end

local K256, H256, K5 -- tables of constants, made at the first use

local function constants256()
  K256, H256 = {}, {}
  for i = 1, 64 do K256[i] = fraction(P.cube_root(primes[i])) end
  for i = 1, 8 do H256[i] = fraction(primes[i] ^ 0.5) end
end

-- math has no cube root exact enough: one Newton step corrects x^(1/3).
function P.cube_root(x)
  local root = x ^ (1 / 3)
  return root - (root * root * root - x) / (3 * root * root)
end

local function sha256(s)
  if not K256 then constants256() end
  local message, w = padded(s, ">I8"), {}
  local h = table.move(H256, 1, 8, 1, {})
  for block = 1, #message, 64 do
    for i = 1, 16 do w[i] = (unpack(">I4", message, block + 4 * (i - 1))) end
    for i = 17, 64 do
      local x, y = w[i - 15], w[i - 2]
      local s0 = rotate_right(x, 7) ~ rotate_right(x, 18) ~ (x >> 3)
      local s1 = rotate_right(y, 17) ~ rotate_right(y, 19) ~ (y >> 10)
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) & MASK
    end
    local a, b, c, d, e, f, g, z = h[1], h[2], h[3], h[4], h[5], h[6], h[7], h[8]
    for i = 1, 64 do
      local s1 = rotate_right(e, 6) ~ rotate_right(e, 11) ~ rotate_right(e, 25)
      local choice = (e & f) ~ (~e & g)
      local t1 = z + s1 + choice + K256[i] + w[i]
      local s0 = rotate_right(a, 2) ~ rotate_right(a, 13) ~ rotate_right(a, 22)
      local majority = (a & b) ~ (a & c) ~ (b & c)
      z, g, f, e, d, c, b, a = g, f, e, (d + t1) & MASK, c, b, a, (t1 + s0 + majority) & MASK
    end
    local after = { a, b, c, d, e, f, g, z }
    for i = 1, 8 do h[i] = (h[i] + after[i]) & MASK end
  end
  return format(rep("%08x", 8), table.unpack(h))
end

local function sha1(s)
  local message, w = padded(s, ">I8"), {}
  local h1, h2, h3, h4, h5 = 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0
  for block = 1, #message, 64 do
    for i = 1, 16 do w[i] = (unpack(">I4", message, block + 4 * (i - 1))) end
    for i = 17, 80 do w[i] = rotate_left(w[i - 3] ~ w[i - 8] ~ w[i - 14] ~ w[i - 16], 1) end
    local a, b, c, d, e = h1, h2, h3, h4, h5
    for i = 1, 80 do
      local f, k
      if i <= 20 then
        f, k = (b & c) | (~b & d), 0x5A827999
      elseif i <= 40 then
        f, k = b ~ c ~ d, 0x6ED9EBA1
      elseif i <= 60 then
        f, k = (b & c) | (b & d) | (c & d), 0x8F1BBCDC
      else
        f, k = b ~ c ~ d, 0xCA62C1D6
      end
      local t = (rotate_left(a, 5) + (f & MASK) + e + k + w[i]) & MASK
      e, d, c, b, a = d, c, rotate_left(b, 30), a, t
    end
    h1, h2, h3 = (h1 + a) & MASK, (h2 + b) & MASK, (h3 + c) & MASK
    h4, h5 = (h4 + d) & MASK, (h5 + e) & MASK
  end
  return format(rep("%08x", 5), h1, h2, h3, h4, h5)
end

local MD5_SHIFTS = { { 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 }, { 6, 10, 15, 21 } }

local function md5(s)
  if not K5 then
    K5 = {}
    for i = 1, 64 do K5[i] = math.floor(math.abs(math.sin(i)) * 4294967296.0) end
  end
  local message, w = padded(s, "<I8"), {}
  local h1, h2, h3, h4 = 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476
  for block = 1, #message, 64 do
    for i = 1, 16 do w[i] = (unpack("<I4", message, block + 4 * (i - 1))) end
    local a, b, c, d = h1, h2, h3, h4
    for i = 0, 63 do
      local round, f, g = i // 16, nil, nil
      if round == 0 then
        f, g = (b & c) | (~b & d), i
      elseif round == 1 then
        f, g = (d & b) | (~d & c), (5 * i + 1) % 16
      elseif round == 2 then
        f, g = b ~ c ~ d, (3 * i + 5) % 16
      else
        f, g = c ~ (b | (~d & MASK)), (7 * i) % 16
      end
      local t = (a + (f & MASK) + K5[i + 1] + w[g + 1]) & MASK
      a, d, c, b = d, c, b, (b + rotate_left(t, MD5_SHIFTS[round + 1][i % 4 + 1])) & MASK
    end
    h1, h2, h3, h4 = (h1 + a) & MASK, (h2 + b) & MASK, (h3 + c) & MASK, (h4 + d) & MASK
  end
  local digest = pack("<I4I4I4I4", h1, h2, h3, h4)
  return (gsub(digest, ".", function(c) return format("%02x", byte(c)) end))
end

local ALGORITHMS = { sha256 = sha256, sha1 = sha1, md5 = md5 }

local function need_text(value, name)
  value = P.plain(value)
  if type(value) ~= "string" then
    error("bad argument #1 to `" .. name .. "`: expected text, got " .. type(value), 3)
  end
  return value
end

function P.hash(value, algorithm)
  value = need_text(value, "util.hash")
  local digest = ALGORITHMS[algorithm == nil and "sha256" or P.plain(algorithm)]
  if not digest then
    error("bad argument #2 to `util.hash`: expected \"sha256\", \"sha1\" or \"md5\"", 2)
  end
  return digest(value)
end

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local LETTERS, VALUES = {}, {}
for i = 0, 63 do
  LETTERS[i] = sub(ALPHABET, i + 1, i + 1)
  VALUES[byte(ALPHABET, i + 1)] = i
end

P.base64 = {}

function P.base64.encode(value)
  local s = need_text(value, "util.base64.encode")
  local out = {}
  for i = 1, #s, 3 do
    local a, b, c = byte(s, i, i + 2)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    out[#out + 1] = LETTERS[bits >> 18] .. LETTERS[bits >> 12 & 63]
      .. (b and LETTERS[bits >> 6 & 63] or "=") .. (c and LETTERS[bits & 63] or "=")
  end
  return concat(out)
end

function P.base64.decode(value)
  local s = gsub(need_text(value, "util.base64.decode"), "%s", "")
  if #s % 4 ~= 0 or not find(s, "^[%w+/]*=?=?$") then
    P.fail("conversion", "util.base64.decode: not base64")
  end
  local out = {}
  for i = 1, #s, 4 do
    local a, b, c, d = byte(s, i, i + 3)
    local bits = VALUES[a] << 18 | VALUES[b] << 12 | (VALUES[c] or 0) << 6 | (VALUES[d] or 0)
    local bytes = char(bits >> 16, bits >> 8 & 255, bits & 255)
    out[#out + 1] = sub(bytes, 1, c == 61 and 1 or d == 61 and 2 or 3)
  end
  return concat(out)
end
