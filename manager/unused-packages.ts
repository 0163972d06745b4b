/**
 * Replaces modules in the manager's bundle that others load without using them: `cluster` for another rate limiter,
 * `http2` for servers that speak it, `iconv-lite` for the disks of Windows.
 */
export default {};
