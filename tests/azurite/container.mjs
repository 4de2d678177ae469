// Makes a container: `node container.mjs ADDRESS NAME`. Account and key are those that every Azurite has.
import { createHmac } from 'node:crypto';

const [address, name] = process.argv.slice(2);
const account = 'devstoreaccount1';
const key = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
const headers = { 'x-ms-date': new Date().toUTCString(), 'x-ms-version': '2021-08-06' };
const signed = [
    'PUT',
    ...Array(11).fill(''),
    ...Object.entries(headers).map(([header, value]) => `${header}:${value}`),
    `/${account}/${account}/${name}`,
    'restype:container',
].join('\n');
const signature = createHmac('sha256', Buffer.from(key, 'base64')).update(signed, 'utf8').digest('base64');
const answer = await fetch(`${address}/${account}/${name}?restype=container`, {
    method: 'PUT',
    headers: { ...headers, authorization: `SharedKey ${account}:${signature}` },
});
if (!answer.ok) {
    console.error(`${answer.status} ${await answer.text()}`);
    process.exit(1);
}
