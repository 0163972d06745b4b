const list = document.querySelector("ul");

for (let number = 1; number <= 10; number += 1) {
	const item = document.createElement("li");
	item.textContent = `Item number ${number}`;
	list.append(item);
}
