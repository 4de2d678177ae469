// Runs the compiled tests: which arguments `node --test` takes for many files differs between versions and systems.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../test-dist/test/', import.meta.url));
const files = readdirSync(folder).filter((file) => file.endsWith('.test.js')).map((file) => folder + file);
const { status } = spawnSync(process.execPath, ['--test', '--test-timeout=300000', ...files], { stdio: 'inherit' });
process.exitCode = files.length === 0 ? 1 : status ?? 1;
