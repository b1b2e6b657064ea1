import { expect, test } from "bun:test";
import english from "../../../app/i18n/locales/en/editor.json";
import russian from "../../../app/i18n/locales/ru/editor.json";
import { cronReading } from "../../../app/components/canvas/cron";
import { translator } from "../../../app/components/canvas/text";

const en = (cron: string) => cronReading(cron, "en", translator(english, "en"));
const ru = (cron: string) => cronReading(cron, "ru", translator(russian, "ru"));

test.each([
  ["0 9 * * *", "Every day at 09:00", "Каждый день в 09:00"],
  ["0 9 * * 1", "Monday at 09:00", "Понедельник в 09:00"],
  ["30 8 * * MON-FRI", "Monday – Friday at 08:30", "Понедельник – пятница в 08:30"],
  ["0 9,18 * * 6,0", "Saturday, Sunday at 09:00, 18:00", "Суббота, воскресенье в 09:00, 18:00"],
  ["*/5 * * * *", "Every 5 minutes", "Каждые 5 минут"],
  ["*/2 * * * 1-5", "Monday – Friday every 2 minutes", "Понедельник – пятница каждые 2 минуты"],
  ["0 */6 * * *", "Every 6 hours", "Каждые 6 часов"],
  ["15 * * * *", "Every hour at minute 15", "Каждый час, минута 15"],
  ["0 9 1,15 * *", "On day 1, 15 of the month at 09:00", "1, 15 числа в 09:00"],
  ["0 9 L 3 *", "On the last day of the month at 09:00 (March)", "В последний день месяца в 09:00 (март)"],
  ["*/10 9-17 * * *", "Every 10 minutes from 09:00 to 17:59", "Каждые 10 минут с 09:00 до 17:59"],
])("%s is read as a person would say it", (cron, english, russian) => {
  expect(en(cron)).toBe(english);
  expect(ru(cron)).toBe(russian);
});

test("what has no plain reading is said field by field, and what is no expression not at all", () => {
  expect(en("1-5 2-4 * * *")).toBe("Minute 1-5, hour 2-4, day *, month *, weekday *");
  expect(en("0 9 1 * 1")).toContain("day 1");
  expect(en("0 9 * *")).toBeNull();
  expect(en("")).toBeNull();
});
